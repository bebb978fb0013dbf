/**
 * How the body of a request can be compressed.
 *
 * @since 0.1.0
 */

/** As the header `content-encoding` has it. `deflate` is that of zlib (RFC 1950), as HTTP means it. */
export type Encoding = "gzip" | "deflate" | "br" | "zstd"

/** All of them, which capture v1 knows. */
export const encodings: ReadonlyArray<Encoding> = ["gzip", "deflate", "br", "zstd"]
