export const dynamic = "force-dynamic"

export const GET = (): Response => {
  throw new Error("out of hedgehogs")
}
