// The service: tells which host answers. `/healthz` is what the health check asks: 503 while the file named by SICK is there, and the
// other answers go on, as of a service that still serves but knows that it should not.
import { existsSync } from "node:fs";
import { createServer } from "node:http";
import process from "node:process";

const { HOST_NAME: name = "", SICK: sick = "" } = process.env;

createServer((request, response) => {
  const isSick = request.url === "/healthz" && existsSync(sick);
  response.writeHead(isSick ? 503 : 200, { "content-type": "text/plain", connection: "close" }).end(`pod=${name}\n`);
}).listen(80, "::");
