/** Bytes of one OTLP request at most, as sent and again after decompression. */
export const REQUEST_BYTES_MAX: number = 20 * 1024 * 1024;

/**
 * Fields of one protobuf request, or objects and lists of one JSON text, at most: ten million empty ones fit into 20 MiB,
 * and would take two gigabytes of memory.
 */
export const PARTS_MAX = 2_000_000;

/** Levels of nesting at most in any JSON that others wrote. */
export const JSON_DEPTH_MAX = 256;

/** Characters of a decision's id at most; a UUID has 36. */
export const ID_CHARS_MAX = 128;

/** Connections that the receiver holds open at once. */
export const CONNECTIONS_MAX = 64;

/** Milliseconds that a sender has for one whole request. */
export const REQUEST_TIMEOUT_MS = 30_000;

/** Milliseconds that a sender of a refused body has to read the answer before the connection is closed. */
export const REFUSED_LINGER_MS = 1_000;

/** Milliseconds that requests under way have to finish when the receiver stops. */
export const STOP_TIMEOUT_MS = 5_000;

/** What a sender is told to wait when the store cannot be written, in seconds. */
export const RETRY_AFTER_S = 5;

/** Milliseconds between two lines on stderr about the same kind of trouble. */
export const TROUBLE_INTERVAL_MS = 10_000;

/** Characters of the reasons in one partial success at most. */
export const PARTIAL_SUCCESS_CHARS_MAX = 1_024;

/** Milliseconds that a statement waits for another process that writes the same store. */
export const STORE_BUSY_TIMEOUT_MS = 1_000;

/** Milliseconds for one HTTP request to a backend, its answer included. */
export const SOURCE_TIMEOUT_MS = 30_000;

/** Bytes of one answer of a backend at most. */
export const SOURCE_ANSWER_BYTES_MAX: number = 256 * 1024 * 1024;

/** How far back a remote source is read where `--since` is not given, in days. */
export const REMOTE_SINCE_DAYS = 30;
