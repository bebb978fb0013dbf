import type { NextConfig } from "next"

// Nothing has to be set for this library.
export default {} satisfies NextConfig
