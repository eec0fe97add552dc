// A pod of a lab: answers every request with its own name and who asked, over IPv4 and IPv6. One answer per connection, so
// that every request is a new connection and takes its own way through the network.
import { createServer } from "node:http";
import { hostname } from "node:os";
import process from "node:process";

const name = process.env.POD_NAME ?? hostname();
const port = Number(process.env.PORT ?? 8080);
const server = createServer((request, response) => {
  const client = request.socket.remoteAddress?.replace(/^::ffff:/, "");
  response.writeHead(200, { "content-type": "text/plain", connection: "close" }).end(`pod=${name} client=${client}\n`);
});
server.listen(port, "::", () => process.stdout.write(`${name} listens on ${port}\n`));
