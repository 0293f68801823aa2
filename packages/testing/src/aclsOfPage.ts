/** The commands of `docs/kafka-acls.md`: what tests give to a broker is what an administrator reads. */
import { Effect } from "effect"
import { Kafka, AclOperationTypes, AclPermissionTypes, AclResourceTypes, logLevel, ResourcePatternTypes } from "kafkajs"
import { readFile } from "node:fs/promises"

const command =
  /^kafka-acls --add --allow-principal User:(?<user>\S+) --operation (?<operation>\w+) --(?<resource>topic|group) (?<name>\S+)$/gm

const operations: Readonly<Record<string, AclOperationTypes>> = {
  Read: AclOperationTypes.READ,
  Write: AclOperationTypes.WRITE,
  Describe: AclOperationTypes.DESCRIBE
}

/** Who may do what with which topic or group, in the page's words. */
export const rightsOfPage = Effect.promise(async () => {
  const page = await readFile(new URL("../../../docs/kafka-acls.md", import.meta.url), "utf8")
  return [...page.matchAll(command)].map(
    ({ groups: { user = "", operation = "", resource = "", name = "" } = {} }) => ({
      user,
      operation,
      resource,
      name
    })
  )
})

const aclsOfPage = Effect.map(rightsOfPage, (rights) =>
  rights.map(({ name, operation, resource, user }) => ({
    principal: `User:${user}`,
    operation: operations[operation] ?? AclOperationTypes.UNKNOWN,
    resourceType: resource === "group" ? AclResourceTypes.GROUP : AclResourceTypes.TOPIC,
    resourceName: name,
    host: "*",
    permissionType: AclPermissionTypes.ALLOW,
    resourcePatternType: ResourcePatternTypes.LITERAL
  }))
)

/** Makes the topics, and gives users what the page says, by a listener where everything is allowed. */
export const administerKafka = Effect.fnUntraced(function* (administration: string, topics: ReadonlyArray<string>) {
  const acls = yield* aclsOfPage
  yield* Effect.promise(async () => {
    const admin = new Kafka({ brokers: [administration], logLevel: logLevel.NOTHING }).admin()
    await admin.connect()
    await admin.createTopics({ topics: topics.map((topic) => ({ topic, numPartitions: 6 })), waitForLeaders: true })
    await admin.createAcls({ acl: acls })
    await admin.disconnect()
  })
})
