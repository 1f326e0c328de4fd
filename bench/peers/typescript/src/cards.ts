// No card number and no card secret is stored; copies of what was refused are redacted.

const REDACTED = '[redacted]';
// Thirteen digits with at most three characters between them that are neither: most texts have none and are done with here.
const MAYBE = /\d(?:[^0-9A-Za-z]{0,3}\d){12,}/g;
const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const SCHEMES = /^(4|5[0-8]|6|3[0-9]|2131|1800|2[2-7]|81)/;
const SECRET_PARTS = /cvv|cvc|securitycode|verificationvalue|verificationcode|cardnumber|cardcode|trackdata|pinblock/;
const SECRET_NAMES = new Set(['pan', 'pin', 'cid', 'csc', 'cvn', 'cvd', 'track1', 'track2']);
const RESULT_CODES = new Set(['cvvresult', 'cavvresult', 'cvvresultcode', 'cavvresultcode']);

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
export type Finding = { rule: 'card_number' | 'card_secret'; path: string };

const isCardNumber = (digits: string): boolean => {
  if (digits.length < 13 || digits.length > 19 || !SCHEMES.test(digits)) return false;
  let sum = 0;
  for (let index = 0; index < digits.length; index += 1) {
    const digit = Number(digits[digits.length - 1 - index]);
    const doubled = digit > 4 ? digit * 2 - 9 : digit * 2;
    sum += index % 2 === 0 ? digit : doubled;
  }
  return sum % 10 === 0;
};

/** Whether whole groups of digits in the text make up a card number. */
export const holdsCardNumber = (text: string): boolean => {
  const runs = text.match(MAYBE);
  if (runs === null || GUID.test(text)) return false;
  return runs.some((run) => {
    const groups = run.match(/\d+/g) ?? [];
    return groups.some((_, start) =>
      groups.slice(start).some((_, count) => isCardNumber(groups.slice(start, start + count + 1).join(''))),
    );
  });
};

const isSecretName = (name: string): boolean => {
  const plain = name.toLowerCase().replace(/[^a-z0-9]/g, '');
  return !RESULT_CODES.has(plain) && (SECRET_NAMES.has(plain) || SECRET_PARTS.test(plain));
};

/** The first field that may not be stored. */
export const find = (value: Json, path = ''): Finding | undefined => {
  if (typeof value === 'string' || typeof value === 'number') {
    return holdsCardNumber(String(value)) ? { rule: 'card_number', path } : undefined;
  }
  if (value === null || typeof value === 'boolean') return undefined;
  for (const [name, field] of Object.entries(value)) {
    const isList = Array.isArray(value);
    const step = isList ? `${path}[${name}]` : path === '' ? name : `${path}.${name}`;
    if (!isList && holdsCardNumber(name)) return { rule: 'card_number', path: path === '' ? REDACTED : `${path}.${REDACTED}` };
    if (!isList && field !== null && isSecretName(name)) return { rule: 'card_secret', path: step };
    const found = find(field as Json, step);
    if (found !== undefined) return found;
  }
  return undefined;
};

/** The same without what `find` would find. */
export const redact = (value: Json): Json => {
  if (typeof value === 'string' || typeof value === 'number') return holdsCardNumber(String(value)) ? REDACTED : value;
  if (value === null || typeof value === 'boolean') return value;
  if (Array.isArray(value)) return value.map(redact);
  const fields = Object.entries(value).map(([name, field]): [string, Json] => [
    holdsCardNumber(name) ? REDACTED : name,
    isSecretName(name) ? REDACTED : redact(field),
  ]);
  return Object.fromEntries(fields);
};

/** Without structure no digit can be trusted: all of them go. */
export const redactUnparsed = (text: string): string => text.replace(/\d/g, '#');
