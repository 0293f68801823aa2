/** What the console's HTTP API answers, and `/openapi.json` says of it. It changes nothing. */
import { version } from "@metka/core/version"
import { Schema } from "effect"
import { HttpApi, HttpApiEndpoint, HttpApiGroup, HttpApiMiddleware, OpenApi } from "effect/http-api"
import { Audience, Members } from "./Audiences.ts"
import { guestQuery, limitQuery, membersQuery, refusingOthers } from "./ConsoleQuery.ts"
import { Counts } from "./Counts.ts"
import { DeadLetters } from "./DeadLetters.ts"
import { describeQuery } from "./describeQuery.ts"
import { MartsBusy, MartsUnreadable } from "./MartReader.ts"
import { EverybodyIsNear, NearGuests } from "./NearGuests.ts"
import { ParkedOrders } from "./ParkedOrders.ts"
import { problem } from "./problem.ts"
import { Reach } from "./Reach.ts"
import { RunningService } from "./RunningServices.ts"
import { GuestUnknown, TagReasons } from "./TagReasons.ts"
import { UnknownTag } from "./UnknownTag.ts"

const unanswered = [problem(503, MartsUnreadable), problem(503, MartsBusy)] as const
const unknownTag = problem(404, UnknownTag)
const everybodyIsNear = problem(404, EverybodyIsNear)

const marts = HttpApiGroup.make("marts")
  .add(
    HttpApiEndpoint.get("counts", "/counts", { success: Counts, error: unanswered }).annotate(
      OpenApi.Summary,
      "Orders, guests, favourites and tags"
    ),
    HttpApiEndpoint.get("audiences", "/audiences", { success: Schema.Array(Audience), error: unanswered }).annotate(
      OpenApi.Summary,
      "The active rules, and how many guests have each tag"
    ),
    HttpApiEndpoint.get("audience", "/audience", {
      query: membersQuery,
      success: Members,
      error: [unknownTag, ...unanswered]
    })
      .annotate(OpenApi.Summary, "The guests with a tag, sorted by their ids")
      .annotate(OpenApi.Transform, describeQuery(membersQuery)),
    HttpApiEndpoint.get("near", "/near", {
      query: membersQuery,
      success: NearGuests,
      error: [everybodyIsNear, unknownTag, ...unanswered]
    })
      .annotate(OpenApi.Summary, "The guests whom one more order would give a tag, sorted by their ids")
      .annotate(OpenApi.Transform, describeQuery(membersQuery)),
    HttpApiEndpoint.get("reach", "/reach", { success: Reach, error: unanswered }).annotate(
      OpenApi.Summary,
      "How many guests a rule would give its tag to"
    ),
    HttpApiEndpoint.get("guest", "/guest", {
      query: guestQuery,
      success: TagReasons,
      error: [problem(404, GuestUnknown), unknownTag, ...unanswered]
    })
      .annotate(OpenApi.Summary, "Why a guest has a tag, or has it not: the rule, the counter, the orders behind it")
      .annotate(OpenApi.Transform, describeQuery(guestQuery))
  )
  .prefix("/api")

const operations = HttpApiGroup.make("operations")
  .add(
    HttpApiEndpoint.get("services", "/services", { success: Schema.Array(RunningService), error: unanswered }).annotate(
      OpenApi.Summary,
      "The processes that run"
    ),
    HttpApiEndpoint.get("parked", "/parked", {
      query: limitQuery,
      success: ParkedOrders,
      error: unanswered
    })
      .annotate(OpenApi.Summary, "The orders that wait for a guest, restaurant or dish")
      .annotate(OpenApi.Transform, describeQuery(limitQuery)),
    HttpApiEndpoint.get("deadLetters", "/dead-letters", {
      query: limitQuery,
      success: DeadLetters,
      error: unanswered
    })
      .annotate(OpenApi.Summary, "The messages about which something is left to do")
      .annotate(OpenApi.Transform, describeQuery(limitQuery))
  )
  .prefix("/api")

export const ConsoleApi = HttpApi.make("metka")
  .add(marts)
  .add(operations)
  .middleware(HttpApiMiddleware.ProblemDetails)
  .annotate(HttpApi.QueryParseOptions, refusingOthers)
  .annotateMerge(
    OpenApi.annotations({ title: "Metka", version, description: "Guests, their tags, and the orders behind them" })
  )
