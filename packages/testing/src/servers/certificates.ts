/** Certificates for servers that speak TLS, made by openssl and gone with the scope. */
import { Effect } from "effect"
import type { Scope } from "effect"
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { type CommandFailed, run } from "./command.ts"
import { makeGuard } from "./Guard.ts"

/** An authority, and a certificate of its own for the server on `localhost`. */
export interface Certificates {
  /** What a client trusts: a PEM file. */
  readonly authorityFile: string
  /** PEM texts, for servers that want files of their own. */
  readonly certificate: string
  readonly key: string
}

const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]

/**
 * A new authority, and a certificate for the host name `localhost`: whoever connects to 127.0.0.1 finds the wrong name
 * on it.
 */
export const makeCertificates: Effect.Effect<Certificates, CommandFailed, Scope.Scope> = Effect.gen(function* () {
  const { folder } = yield* makeGuard({ prefix: "tls", signal: "KILL" })
  const openssl = (...args: ReadonlyArray<string>) => run("openssl", args, { cwd: folder })
  const authority = ["-subj", "/CN=Metka test authority", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2"]
  yield* openssl("req", "-x509", ...curve, ...authority)
  yield* openssl("req", ...curve, "-subj", "/CN=server", "-keyout", "server.key", "-out", "server.csr")
  yield* Effect.promise(() => writeFile(join(folder, "san.cnf"), "subjectAltName=DNS:localhost\n"))
  const issue = ["-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "san.cnf"]
  yield* openssl("x509", "-req", ...issue, "-out", "server.pem", "-days", "2")
  const text = (name: string) => Effect.promise(() => readFile(join(folder, name), "utf8"))
  return {
    authorityFile: join(folder, "ca.pem"),
    certificate: yield* text("server.pem"),
    key: yield* text("server.key")
  }
})

/** Where a server has found its certificate and key, in its own folder. */
export const writeCertificate = (folder: string, { certificate, key }: Certificates) =>
  Effect.promise(async () => {
    const files = { certificate: join(folder, "server.pem"), key: join(folder, "server.key") }
    await writeFile(files.certificate, certificate)
    await writeFile(files.key, key, { mode: 0o600 })
    return files
  })
