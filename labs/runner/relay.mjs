// A door into a namespace: what connects to the Unix socket (which every namespace can see) is connected to an address that only
// this namespace reaches. usage: relay.mjs SOCKET HOST PORT
import { connect, createServer } from "node:net";
import process from "node:process";

const [path, host, port] = process.argv.slice(2);
const server = createServer((inside) => {
  const outside = connect({ host, port: Number(port) });
  inside.on("error", () => outside.destroy()).on("close", () => outside.destroy());
  outside.on("error", () => inside.destroy()).on("close", () => inside.destroy());
  inside.pipe(outside).pipe(inside);
});
server.listen(path, () => process.stdout.write(`${path} leads to ${host}:${port}\n`));
