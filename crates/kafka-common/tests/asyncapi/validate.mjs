// Reads an AsyncAPI document from standard input and prints, as JSON, what the official parser
// has to say against it, and how many channels, operations and messages it sees.
import { readFileSync } from 'node:fs';
import { Parser, DiagnosticSeverity } from '@asyncapi/parser';

const { document, diagnostics } = await new Parser().parse(readFileSync(0, 'utf8'));
// Below a warning are suggestions of style.
const problems = diagnostics
  .filter(({ severity }) => severity <= DiagnosticSeverity.Warning)
  .map(({ message, path, severity }) => ({ severity, path: path.join('/'), message }));
console.log(
  JSON.stringify({
    problems,
    version: document?.version(),
    channels: document?.channels().length,
    operations: document?.operations().length,
    messages: document?.components().messages().length,
  }),
);
