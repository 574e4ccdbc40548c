// Runs the client again and again in one process: what it imports is loaded once, itself each time.
import { Command } from "commander";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { pathToFileURL } from "node:url";

const main = pathToFileURL(process.argv[2]).href;
const answer = process.stdout.write.bind(process.stdout);
class Left extends Error {}
let told, parsed;

const parse = Command.prototype.parseAsync;
Command.prototype.parseAsync = function (...given) {
  parsed = parse.apply(this, given).catch(left);
  return parsed;
};
for (const name of ["stdout", "stderr"]) {
  process[name].write = (text, ...rest) => {
    told[name] += text;
    rest.at(-1)?.();
    return true;
  };
}
process.exit = (code) => {
  process.exitCode = code ?? process.exitCode;
  throw new Left();
};
process.on("unhandledRejection", left);

function left(fault) {
  if (!(fault instanceof Left)) throw fault;
}

async function run({ words, typed, home }, n) {
  told = { stdout: "", stderr: "" };
  process.argv = [process.argv[0], main, ...words];
  process.env.HOME = home;
  process.exitCode = 0;
  Object.defineProperty(process, "stdin", { value: Readable.from([typed]), configurable: true });
  await import(`${main}?${n}`).catch(left);
  await parsed;
  return { ...told, code: process.exitCode ?? 0 };
}

process.env.NODE_ENV ??= "local"; // as its program sets it
let n = 0;
for await (const line of createInterface({ input: process.stdin })) {
  answer(`${JSON.stringify(await run(JSON.parse(line), ++n))}\n`);
  process.exitCode = 0;
}
