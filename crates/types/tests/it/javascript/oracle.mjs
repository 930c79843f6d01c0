// Judges what the renderer made of JSON texts, one per line:
//   <base64 text> + <base64 rendering>
//   <base64 text> - <base64 of a JSON list of the refused places' JSON pointers>
// and answers each with `rendered` or `refused` when that is right, else with what is wrong.
import { createInterface } from 'node:readline';

const decode = (field) => new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(field, 'base64'));

/** The decimal value of a JSON number without its spelling. */
function decimal(literal) {
  const [, sign, whole, fraction = '', exponent = '0'] = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(literal);
  const digits = (whole + fraction).replace(/^0+/, '');
  const significant = digits.replace(/0+$/, '');
  if (significant === '') return '0';
  return `${sign}${significant}e${BigInt(exponent) - BigInt(fraction.length) + BigInt(digits.length - significant.length)}`;
}

const changesNumber = (literal) => {
  const value = JSON.parse(literal);
  return !Number.isFinite(value) || decimal(literal) !== decimal(JSON.stringify(value));
};

/** The JSON pointers of all literals in `text`, which is valid JSON, that JavaScript would not print again. */
function changes(text) {
  const found = [];
  const tokens = text.matchAll(/"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|[[\]{}:,]|true|false|null/g);
  const next = () => tokens.next().value[0];
  const string = (token, pointer) => {
    const value = JSON.parse(token);
    if (!value.isWellFormed()) found.push(pointer);
    return value.toWellFormed();
  };
  const value = (token, pointer) => {
    if (token === '{') {
      for (let key = next(); key !== '}'; key = next()) {
        if (key === ',') key = next();
        const segment = string(key, pointer).replaceAll('~', '~0').replaceAll('/', '~1');
        next();
        value(next(), `${pointer}/${segment}`);
      }
    } else if (token === '[') {
      let index = 0;
      for (let item = next(); item !== ']'; item = next()) {
        if (item === ',') item = next();
        value(item, `${pointer}/${index++}`);
      }
    } else if (token.startsWith('"')) {
      string(token, pointer);
    } else if (/^[-\d]/.test(token) && changesNumber(token)) {
      found.push(pointer);
    }
  };
  value(next(), '');
  return found;
}

const isJson = (text) => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

const sorted = (pointers) => JSON.stringify([...new Set(pointers)].sort());

function judge(text, sign, ours) {
  const valid = isJson(text);
  const changed = valid ? changes(text) : [];
  if (sign === '-') {
    const pointers = JSON.parse(ours);
    if (!valid) return pointers.length === 1 ? 'refused' : 'refused as no JSON, but at several places';
    if (changed.length === 0) return 'refused, but JavaScript holds it';
    return sorted(pointers) === sorted(changed) ? 'refused' : `refused at other places than ${JSON.stringify(changed)}`;
  }
  if (!valid) return 'rendered, but it is no JSON';
  if (changed.length > 0) return `rendered, but JavaScript would change ${JSON.stringify(changed)}`;
  if (!isJson(ours) || JSON.stringify(JSON.parse(ours)) !== ours) return 'the rendering is not what JavaScript makes of it';
  if (JSON.stringify(JSON.parse(text)) !== ours) return 'the rendering is not what JavaScript makes of the text';
  return 'rendered';
}

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  const [text, sign, ours] = line.split(' ');
  process.stdout.write(`${judge(decode(text), sign, decode(ours))}\n`);
}
