/**
 * What Metka's processes agree on by `pg_advisory_xact_lock`, each under a number that nothing else in the database may
 * have. The views of BI are under 7370120: `bi.refresh`, and a migration of what it refreshes, name it themselves.
 */

/** One at a time makes tables. */
export const migrationsLock = 7_370_117

/** Batches share the rules, whoever changes them has them alone. */
export const rulesLock = 7_370_118

/** One at a time sends the outbox of `guest-tags`. */
export const publisherLock = 7_370_119

/** One at a time decides about windows of time: a guest's orders come in several batches, and each moves the window. */
export const windowsLock = 7_370_121
