// What leaves the page: tables, lists of indices, and the command that copies files.

const quoteCell = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
const toCsv = (rows) => rows.map((row) => `${row.map(quoteCell).join(",")}\r\n`).join("");

function saveFile(name, text, type = "text/plain") {
  const href = URL.createObjectURL(new Blob([text], { type }));
  Object.assign(document.createElement("a"), { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), 1000);
}

// A word as a shell reads it. Bytes of a name that are no text have come here as single surrogates.

function quoteWord(text) {
  const letters = [...text];
  const isOdd = (one) => one.length === 1 && /[\x00-\x1f\x7f\ud800-\udfff]/.test(one);
  const escape = (one) => `\\x${(one.charCodeAt(0) & 0xff).toString(16).padStart(2, "0")}`;
  return letters.some(isOdd)
    ? `$'${letters.map((one) => (isOdd(one) || "\\'".includes(one) ? escape(one) : one)).join("")}'`
    : `'${text.replaceAll("'", "'\\''")}'`;
}

// A command that copies files, with the folders that they are in, whatever they are called.

function makeCopying(folder, files) {
  const words = [...new Set(files)].map((file) => quoteWord(`./${file}`)).join(" ");
  const copy = `mkdir -p "chosen/${"${file%/*}"}" && cp -p ${quoteWord(folder)}/"$file" "chosen/$file"`;
  return `for file in ${words}; do ${copy}; done`;
}
