import { conventions } from '@decision-trail/decisions';

export const ATTR_STREAM_ID: string = conventions.ATTR_AUDIT_SEQUENCE_STREAM_ID;
export const ATTR_SEQUENCE_NUMBER: string = conventions.ATTR_AUDIT_SEQUENCE_NUMBER;
export const ATTR_LEAF_HASH: string = conventions.ATTR_DECISION_LEAF_HASH;

/** Attributes that only the spool gives to a record. */
export const STAMPED: ReadonlySet<string> = new Set([ATTR_STREAM_ID, ATTR_SEQUENCE_NUMBER, ATTR_LEAF_HASH]);

/**
 * Names the fields of a record that could not be encoded as they were, in the order of the message: a time that is no time, an
 * id that is not hexadecimal, attributes that cannot be listed. The field itself is then absent.
 */
export const ATTR_UNENCODED: string = conventions.ATTR_UNENCODED;
