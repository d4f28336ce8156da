// vscode_stand_in.js EXTENSION MIMOC FILE: activates the extension in a stand-in for the editor that has FILE
// open, and prints the diagnostics that it sets.
"use strict";

const fs = require("fs");
const Module = require("module");
const [extension, mimoc, file] = process.argv.slice(2);

class Position {
  constructor(line, character) {
    Object.assign(this, { line, character });
  }
}
class Range {
  constructor(start, end) {
    Object.assign(this, { start, end });
  }
}
class Diagnostic {
  constructor(range, message, severity) {
    Object.assign(this, { range, message, severity });
  }
}
const place = (position) => `${position.line}:${position.character}`;
const collection = {
  delete() {},
  set(uri, items) {
    for (const item of items) {
      const range = `${place(item.range.start)}-${place(item.range.end)}`;
      console.log(uri.fsPath, range, item.severity, item.source, item.code);
    }
  },
};
const editor = {
  Position,
  Range,
  Diagnostic,
  Location: class {},
  DiagnosticRelatedInformation: class {},
  DiagnosticSeverity: { Error: "error", Warning: "warning" },
  Uri: { file: (fsPath) => ({ fsPath, scheme: "file" }) },
  languages: { createDiagnosticCollection: () => collection },
  window: { showWarningMessage: console.log },
  workspace: {
    getConfiguration: () => ({ get: () => mimoc }),
    onDidOpenTextDocument: () => ({}),
    onDidSaveTextDocument: () => ({}),
    textDocuments: [
      {
        languageId: "mimo",
        uri: { fsPath: file, scheme: "file" },
        getText: () => fs.readFileSync(file, "utf8"),
      },
    ],
  },
};
const load = Module._load;
Module._load = (name, ...rest) => (name === "vscode" ? editor : load(name, ...rest));
require(extension).activate({ subscriptions: [] });
