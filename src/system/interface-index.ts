import { SystemError } from "../wire/errors.ts";
import { RTNETLINK } from "./native/linux.ts";
import { MessageBuffer, type NativeSocket, type NativeSockets } from "./native/socket.ts";
import { NETLINK_ROOM, netlinkAttribute, netlinkMessages, netlinkRequest, openNetlink } from "./netlink.ts";

/** There is no interface of this name here. */
class InterfaceMissing extends SystemError {
  readonly code = "ERR_SYSTEM_INTERFACE_MISSING";
}

const INTERFACE_HEADER = 16;

/** The kernel's number of an interface, asked for at once. @throws InterfaceMissing, NativeMissing, SocketError */
export function interfaceIndex(name: string, sockets: NativeSockets): number {
  const socket = openNetlink(sockets);
  try {
    const index = ask(socket, name);
    if (index === undefined) throw new InterfaceMissing(`there is no interface ${name}`);
    return index;
  } finally {
    socket.close();
  }
}

function ask(socket: NativeSocket, name: string): number | undefined {
  const { getLink, newLink } = RTNETLINK.message;
  const attribute = netlinkAttribute(RTNETLINK.linkAttribute.name, new TextEncoder().encode(`${name}\0`));
  const body = new Uint8Array(INTERFACE_HEADER + attribute.length);
  body.set(attribute, INTERFACE_HEADER);
  socket.send(netlinkRequest(getLink, body, { flags: 0, sequence: 1 }));
  // The kernel answers a request that is no dump before sendto() returns.
  const buffer = new MessageBuffer(NETLINK_ROOM);
  if (!socket.receive(buffer)) return undefined;
  for (const { type, body: answer } of netlinkMessages(buffer.message)) if (type === newLink) return answer.i32(4);
  return undefined;
}
