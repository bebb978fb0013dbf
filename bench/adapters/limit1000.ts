import { limit } from "../limit.js"

await limit(1000)
