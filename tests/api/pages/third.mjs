// The verify page's own script over a folder of bundles, outside of a browser: node third.mjs SCRIPT FOLDER
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

const [script, folder] = process.argv.slice(2);
const { verifyBundle, NoBundle } = new Function(`${readFileSync(script, "utf8")}\nreturn { verifyBundle, NoBundle };`)();
const bytes = (text) => Uint8Array.from(Buffer.from(text, "base64"));
const answers = {};
for (const name of readdirSync(folder).filter((one) => one.endsWith(".bundle"))) {
  const given = JSON.parse(readFileSync(join(folder, name.replace(/bundle$/, "json")), "utf8"));
  const brought = { policy: given.policy === null ? null : bytes(given.policy), commandKeys: given.commandKeys, kept: given.kept.map(bytes) };
  try {
    const { findings } = await verifyBundle(new Uint8Array(readFileSync(join(folder, name))), brought);
    answers[name] = Object.fromEntries(findings.map(({ question, status }) => [question, status]));
  } catch (error) {
    if (!(error instanceof NoBundle)) throw new Error(`${name}: ${error.stack}`);
    answers[name] = null;
  }
}
console.log(JSON.stringify(answers));
