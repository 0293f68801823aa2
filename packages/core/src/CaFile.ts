/** The file of a certificate authority, as the variables of every server name one. */
import { X509Certificate } from "node:crypto"
import { readFileSync } from "node:fs"

/** Its PEM text. Throws when there is no such file, and when there is no certificate in it: TLS would fail for ever. */
export const readCaFile = (file: string): string => {
  const text = readFileSync(file, "utf8")
  if (!holdsCertificate(text)) throw new Error(`${file} holds no certificate in PEM format`)
  return text
}

const holdsCertificate = (text: string): boolean => {
  try {
    return new X509Certificate(text).raw.length > 0
  } catch {
    return false
  }
}
