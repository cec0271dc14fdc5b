/** What happened, in words people read; kinds that are new here keep their own name. */

import { sentence } from "../../lib/words";

const WORDS: Record<string, string> = {
  "advice.given": "An agent advised",
  "books.balanced": "The books balance again",
  "books.stopped": "The books do not balance: distributions stopped",
  "contribution.accepted": "Contribution accepted",
  "contribution.corrected": "Contribution corrected",
  "contribution.proposed": "Contribution proposed",
  "contribution.recorded": "Contribution recorded",
  "contribution.rejected": "Contribution rejected",
  "contributor.address_known": "Contributor's address known",
  "distribution.closed": "Income divided",
  "github_hook.created": "Webhook at GitHub made",
  "github_hook.revoked": "Webhook at GitHub revoked",
  "github_hook.rotated": "Secret of a webhook at GitHub changed",
  "identity.claimed": "Name claimed by an account",
  "identity.linked": "Name linked to an account",
  "identity.refused": "Claim of a name refused",
  "identity.unlinked": "Name no longer linked to an account",
  "order.recorded": "Order signed",
  "reserve.released": "Reserve released",
  "root.activation_queued": "Payout root about to become active",
  "root.built": "Payout root built",
  "root.proposal_queued": "Payout root about to be proposed",
  "watch.begun": "Watched from now on",
  "watch.ended": "No longer watched",
  "work.created": "Work described",
  "work.dependencies_changed": "Dependencies changed",
  "work.measured": "Coherence measured",
  "work.policy": "Policy changed",
  "work.version_added": "Version added",
};

export function kindWords(kind: string): string {
  return WORDS[kind] ?? sentence(kind);
}
