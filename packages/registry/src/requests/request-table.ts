import type { RequestType } from "@parley/protocol";

import type { RestRequest } from "../rest-routes.ts";
import { admissionRequests, type AdmissionServices } from "./admission.ts";
import { agreementsRequests, type AgreementsServices } from "./agreements.ts";
import { apiKeysRequests, type ApiKeysServices } from "./api-keys.ts";
import { auditRequests, type AuditServices } from "./audit.ts";
import { blocksRequests, type BlocksServices } from "./blocks.ts";
import { boardRequests, type BoardServices } from "./board.ts";
import { channelsRequests, type ChannelsServices } from "./channels.ts";
import { devicesRequests, type DevicesServices } from "./devices.ts";
import { directoryRequests, type DirectoryServices } from "./directory.ts";
import { mailboxRequests, type MailboxServices } from "./mailbox.ts";
import { operatorsRequests, type OperatorsServices } from "./operators.ts";
import type { MemberHandlers, RequestHandlers } from "./request-handler.ts";
import { resourcesRequests, type ResourcesServices } from "./resources.ts";
import { standingRequests, type StandingServices } from "./standing.ts";
import { tokensRequests, type TokensServices } from "./tokens.ts";
import { usageRequests, type UsageServices } from "./usage.ts";

export type RequestServices = AdmissionServices &
  AgreementsServices &
  ApiKeysServices &
  AuditServices &
  BlocksServices &
  BoardServices &
  ChannelsServices &
  DevicesServices &
  DirectoryServices &
  MailboxServices &
  OperatorsServices &
  ResourcesServices &
  StandingServices &
  TokensServices &
  UsageServices;

/** Every request of a session with its handler, one domain after the other. */
export type RequestTable = RequestHandlers<RequestType> & MemberHandlers<RestRequest>;

export function makeRequestTable(services: RequestServices): RequestTable {
  return {
    ...directoryRequests(services),
    ...devicesRequests(services),
    ...admissionRequests(services),
    ...auditRequests(services),
    ...operatorsRequests(services),
    ...mailboxRequests(services),
    ...channelsRequests(services),
    ...blocksRequests(services),
    ...boardRequests(services),
    ...standingRequests(services),
    ...tokensRequests(services),
    ...usageRequests(services),
    ...apiKeysRequests(services),
    ...resourcesRequests(services),
    ...agreementsRequests(services),
  };
}
