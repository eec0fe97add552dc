// A pod of a lab: answers every request with its own name and who asked, over IPv4 and IPv6. HTTP: one answer per connection, so
// that every request is a new connection and takes its own way through the network. UDP, on the same port: the datagram it was
// asked with, a bar, and the same words.
import { createSocket } from "node:dgram";
import { createServer } from "node:http";
import { hostname } from "node:os";
import process from "node:process";

const name = process.env.POD_NAME ?? hostname();
const port = Number(process.env.PORT ?? 8080);

function answerTo(address) {
  return `pod=${name} client=${address?.replace(/^::ffff:/, "")}\n`;
}

const server = createServer((request, response) => {
  const answer = answerTo(request.socket.remoteAddress);
  response.writeHead(200, { "content-type": "text/plain", connection: "close" }).end(answer);
});
server.listen(port, "::", () => process.stdout.write(`${name} listens on ${port}\n`));

const datagrams = createSocket("udp6");
datagrams.on("message", (message, from) => {
  datagrams.send(`${message}|${answerTo(from.address)}`, from.port, from.address, () => {});
});
datagrams.bind(port, "::");
