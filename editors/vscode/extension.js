// Shows what `mimoc lint` says about the declarations that are open, whenever one is opened or saved. It needs
// nothing but mimoc; a client of `mimoc lsp` does more (see the README beside this folder).
"use strict";

const { execFile } = require("child_process");
const path = require("path");
const vscode = require("vscode");

// A position of mimoc (from 1, in code points) as one of the editor (from 0, in UTF-16 units).
function position(lines, line, column) {
  const text = lines === undefined ? "" : lines[line - 1] || "";
  const before = Array.from(text).slice(0, column - 1).join("");
  return new vscode.Position(line - 1, lines === undefined ? column - 1 : before.length);
}

function diagnostic(item, lines, locate) {
  const range = new vscode.Range(
    position(lines, item.line, item.column),
    position(lines, item.end_line, item.end_column)
  );
  const isError = item.severity === "error";
  const made = new vscode.Diagnostic(
    range,
    item.help ? `${item.message}\nhelp: ${item.help}` : item.message,
    isError ? vscode.DiagnosticSeverity.Error : vscode.DiagnosticSeverity.Warning
  );
  made.source = "mimoc";
  made.code = item.code;
  made.relatedInformation = (item.notes || []).map(
    (note) =>
      new vscode.DiagnosticRelatedInformation(
        new vscode.Location(locate(note.file), position(undefined, note.line, note.column)),
        note.message
      )
  );
  return made;
}

// The diagnostics of one report by file; those of the document alone know its text.
function group(report, document) {
  const folder = path.dirname(document.uri.fsPath);
  const locate = (file) => vscode.Uri.file(path.resolve(folder, file));
  const files = new Map([[document.uri.fsPath, []]]);

  for (const item of report.diagnostics) {
    const name = locate(item.file).fsPath;
    const lines = name === document.uri.fsPath ? document.getText().split(/\r?\n/) : undefined;
    if (!files.has(name)) files.set(name, []);
    files.get(name).push(diagnostic(item, lines, locate));
  }
  return files;
}

function check(document, collection, shown) {
  if (document.languageId !== "mimo" || document.uri.scheme !== "file") return;
  const program = vscode.workspace.getConfiguration("mimo").get("mimoc", "mimoc");
  const options = { cwd: path.dirname(document.uri.fsPath), maxBuffer: 1 << 26 };

  execFile(program, ["lint", "--format", "json", document.uri.fsPath], options, (error, stdout) => {
    if (error && error.code === "ENOENT") {
      vscode.window.showWarningMessage(`mimo: there is no program '${program}' (setting mimo.mimoc)`);
      return;
    }
    let report;
    try {
      report = JSON.parse(stdout);
    } catch {
      return; // mimoc could not read the file, and has printed no report
    }
    for (const name of shown.get(document.uri.fsPath) || []) collection.delete(vscode.Uri.file(name));
    const files = group(report, document);
    for (const [name, items] of files) collection.set(vscode.Uri.file(name), items);
    shown.set(document.uri.fsPath, [...files.keys()]);
  });
}

exports.activate = (context) => {
  const collection = vscode.languages.createDiagnosticCollection("mimoc");
  const shown = new Map(); // which files a document's report spoke of
  const checkOne = (document) => check(document, collection, shown);

  context.subscriptions.push(
    collection,
    vscode.workspace.onDidOpenTextDocument(checkOne),
    vscode.workspace.onDidSaveTextDocument(checkOne)
  );
  vscode.workspace.textDocuments.forEach(checkOne);
};
