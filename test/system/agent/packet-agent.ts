import { parseIpAddress } from "../../../src/net/ip-address.ts";
import { interfaceIndex } from "../../../src/system/interface-index.ts";
import { AF, ETHERTYPE, SOCK } from "../../../src/system/native/linux.ts";
import { linkSockaddr } from "../../../src/system/native/sockaddr.ts";
import { MessageBuffer, type NativeSocket, systemSockets } from "../../../src/system/native/socket.ts";
import { type KernelPacketLink, packetLinks } from "../../../src/system/packet-link.ts";
import { serveCalls } from "../../support/network-namespace.ts";

// A link on an interface, and a socket that hears and sends everything there, whichever is asked for.
const openLink = packetLinks(systemSockets);
let link: KernelPacketLink | undefined;
let wire: NativeSocket | undefined;
const [heard, failures, wireHeard]: [string[], string[], string[]] = [[], [], []];

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const octets = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "hex"));

serveCalls({
  open({ name }: { name: string }) {
    link?.close();
    const place = { index: interfaceIndex(name, systemSockets), name };
    link = openLink(place, {
      received: (frame) => heard.push(hex(frame)),
      failed: (message) => failures.push(message),
    });
  },
  send: ({ frame }: { frame: string }) => link?.send(octets(frame)),
  listenFor: ({ targets }: { targets: readonly string[] }) =>
    link?.listenFor(targets.map(parseIpAddress).filter((one) => one !== undefined)),
  heard: () => heard,
  failures: () => failures,
  close: () => link?.close(),
  openWire({ name }: { name: string }) {
    const socket = systemSockets.open(AF.packet, SOCK.raw, 0);
    socket.bind(linkSockaddr(ETHERTYPE.all, interfaceIndex(name, systemSockets)));
    const buffer = new MessageBuffer(2048);
    socket.onReadable(() => {
      while (socket.receive(buffer)) wireHeard.push(hex(buffer.message));
    });
    wire = socket;
  },
  wireSend({ frames }: { frames: readonly string[] }) {
    for (const frame of frames) wire?.send(octets(frame));
  },
  wireHeard: () => wireHeard,
});
