/** Open offers of a mesh: each is the first act of an agreement, checked before anybody sees it. */
import { type MeshTrust, type TimelineEntry, verifyEntry } from "@parley/core";
import { type OpenOffer, ParleyError, type ReplyBody, type RequestBody } from "@parley/protocol";

import type { OfferQuery, OfferView } from "./agreement-api.ts";
import { rulesAfter } from "./own-acts.ts";

export interface OffersOptions {
  readonly trust: MeshTrust;
  readonly request: (body: RequestBody<"agreement.offers">) => Promise<ReplyBody<"agreement.offers">>;
  readonly keyOf: (member: string, device: string) => Promise<string | undefined>;
  readonly nameOf: (member: string) => Promise<string | undefined>;
  readonly onRefused: (error: unknown) => void;
}

export class Offers {
  readonly #options: OffersOptions;

  constructor(options: OffersOptions) {
    this.#options = options;
  }

  /** What the registry shows and holds; what does not is left out. */
  async list({ skill, limit, after }: OfferQuery): Promise<{ offers: readonly OfferView[]; next: string | undefined }> {
    const { request, onRefused } = this.#options;
    const { offers, next } = await request({
      ...(skill === undefined ? {} : { skill }),
      ...(limit === undefined ? {} : { limit }),
      ...(after === undefined ? {} : { after }),
    });
    const views: OfferView[] = [];
    for (const offer of offers) {
      try {
        const view = await this.#view(offer);
        if (skill === undefined || view.skill === skill) views.push(view);
      } catch (error) {
        onRefused(error);
      }
    }
    return { offers: views, next };
  }

  /** The act that an open offer is. Throws `not_found`, or what does not hold of it. */
  async find(agreement: string): Promise<TimelineEntry<"agreement">> {
    const { offers } = await this.#options.request({ agreement });
    const [offer] = offers;
    if (offer?.agreement !== agreement)
      throw new ParleyError("not_found", {
        message: "No such offer is open: it was taken, withdrawn, or has expired; see `parley agreement offers`.",
      });
    return this.#verify(offer);
  }

  async #verify({ agreement, offer }: OpenOffer): Promise<TimelineEntry<"agreement">> {
    const { trust, keyOf } = this.#options;
    const place = { kind: "agreement", mesh: trust.mesh, subject: agreement, before: undefined } as const;
    return verifyEntry(offer, place, keyOf);
  }

  async #view(offer: OpenOffer): Promise<OfferView> {
    const act = await this.#verify(offer);
    const { facts } = rulesAfter([act]);
    const { terms, proposer: by, arbiter, until = 0 } = facts;
    if (facts.state !== "offered" || terms.skill === undefined)
      throw new ParleyError("timeline_broken", { message: "What the registry shows as an offer is none." });
    const name = (await this.#options.nameOf(by)) ?? by;
    return { agreement: offer.agreement, by, name, skill: terms.skill, terms, arbiter, at: offer.at, until };
  }
}
