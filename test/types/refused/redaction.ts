/** Redaction rules that are none. */
import { audited, configureDecisions } from '@decision-trail/decisions';

const approve = (income: number): boolean => income > 25_000;

//! Type '"encrpt"' is not assignable to type 'RedactMethod'. Did you mean '"encrypt"'?
audited({ model: 'loan', redact: [{ path: '/applicant/ssn', method: 'encrpt' }] });

//! Type '"encrpt"' is not assignable to type 'RedactMethod'. Did you mean '"encrypt"'?
audited({ model: 'loan', redact: [{ path: '/applicant/ssn', method: 'encrpt' }] }, approve);

//! Type '{ path: string; key: string; method: "drop"; }' is not assignable to type 'RedactRule'.
//    Types of property 'key' are incompatible.
//    Type 'string' is not assignable to type 'undefined'.
audited({ model: 'loan', redact: [{ path: '/applicant/ssn', key: 'ssn', method: 'drop' }] });

//! Type '{ key: string; pattern: RegExp; method: "drop"; }' is not assignable to type 'RedactRule'.
//    Types of property 'pattern' are incompatible.
//    Type 'RegExp' is not assignable to type 'undefined'.
audited({ model: 'loan', redact: [{ key: 'ssn', pattern: /\d{9}/, method: 'drop' }] }, approve);

//! Type '{ key: string; }' is not assignable to type 'RedactRule'.
//    Type '{ key: string; }' is not assignable to type 'KeyRule & { method: RedactMethod; keepLast?: number | undefined; }'.
//    Property 'method' is missing in type '{ key: string; }' but required in type '{ method: RedactMethod; keepLast?:
//    number | undefined; }'.
audited({ model: 'loan', redact: [{ key: 'ssn' }] });

//! Type '{ method: "drop"; }' is not assignable to type 'RedactRule'.
//    Type '{ method: "drop"; }' is not assignable to type 'PatternRule & { method: RedactMethod; keepLast?: number | undefined;
//    }'.
//    Property 'pattern' is missing in type '{ method: "drop"; }' but required in type 'PatternRule'.
audited({ model: 'loan', redact: [{ method: 'drop' }] });

//! Type 'string' is not assignable to type 'RegExp'.
audited({ model: 'loan', redact: [{ pattern: '[0-9]{9}', method: 'drop' }] });

//! Object literal may only specify known properties, but 'keeplast' does not exist in type 'KeyRule & { method:
//    RedactMethod; keepLast?: number | undefined; }'. Did you mean to write 'keepLast'?
audited({ model: 'loan', redact: [{ key: 'ssn', method: 'mask', keeplast: 4 }] });

//! Object literal may only specify known properties, but 'key' does not exist in type 'readonly RedactRule[]'. Did
//    you mean to write 'keys'?
audited({ model: 'loan', redact: { key: 'ssn', method: 'drop' } });

//! Type '"remove"' is not assignable to type 'RedactMethod'.
configureDecisions({ redact: [{ key: 'ssn', method: 'remove' }] });

//! Type 'string' is not assignable to type '{ readonly id: string; readonly key: string |
//    Uint8Array<ArrayBufferLike>; }'.
configureDecisions({ hashKey: 'secret' });

//! Object literal may only specify known properties, but 'redaction' does not exist in type 'DecisionSettings'. Did
//    you mean to write 'redact'?
configureDecisions({ redaction: [] });
