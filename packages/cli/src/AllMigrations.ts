/** Every schema of Metka, in the order in which it is made. */
import type { SchemaMigrations } from "@metka/core/Migrations"
import { opsMigrations } from "@metka/core/OpsSchema"
import { biMigrations } from "@metka/cdm/BiSchema"
import { cdmMigrations } from "@metka/cdm/CdmSchema"
import { ddsMigrations } from "@metka/dds/DdsSchema"
import { stgMigrations } from "@metka/stg/StgSchema"

export const allMigrations: ReadonlyArray<SchemaMigrations> = [
  opsMigrations,
  stgMigrations,
  ddsMigrations,
  cdmMigrations,
  biMigrations
]
