import { useQuery } from "@tanstack/react-query";
import { formatBps } from "../../lib/share";
import { AddressLink } from "../../ui/address-link";
import { Loaded } from "../../ui/loaded";
import { Section } from "../../ui/section";
import { Skeleton } from "../../ui/skeleton";
import { Empty } from "../../ui/states";
import { partnersQuery, type Partner, type Partners } from "./queries";

/** Shares shown at most, the partner's own beside them. */
const SHARES = 10;

/** Who might join the work, why, and how all might share. */
export function PartnersSection({ workId }: { workId: string }) {
  const query = useQuery(partnersQuery(workId));
  return (
    <Section title="Partners" note={query.data && `${query.data.matched} of ${query.data.considered} people match`}>
      <Loaded query={query} skeleton={<Skeleton className="h-32" />}>
        {(found) =>
          found && found.partners.length > 0 ? (
            <List found={found} />
          ) : (
            <Empty>Nobody matches yet: a partner has an account, contributions that others accepted, and a skill that is looked for.</Empty>
          )
        }
      </Loaded>
    </Section>
  );
}

function List({ found }: { found: Partners }) {
  return (
    <>
      {found.wanted.length > 0 && <p className="mb-3 text-sm text-muted">Looked for: {found.wanted.join(", ")}, which works like this one have.</p>}
      <ol>
        {found.partners.map((partner) => (
          <li key={partner.account} className="border-t border-line py-3 text-sm first:border-t-0 first:pt-0">
            <One partner={partner} team={found.team} />
          </li>
        ))}
      </ol>
      <p className="mt-3 text-xs text-muted">
        Ranked by the rules {found.rules.slice(0, 10)}, from contributions that owners accepted. A proposal, not a promise: nobody was asked.
        {found.recorded && ` Advice ${found.recorded.id} of ${found.recorded.day} is recorded, and can be made again.`}
      </p>
    </>
  );
}

function One({ partner, team }: { partner: Partner; team: Partners["team"] }) {
  const own = partner.split.at(-1);
  return (
    <>
      <div className="flex flex-wrap items-baseline justify-between gap-x-4">
        <span className="font-medium">
          {partner.name && `${partner.name} `}
          <AddressLink address={partner.account} />
        </span>
        <span>would have {formatBps(own)}</span>
      </div>
      <ul className="mt-1 text-muted">
        {partner.reasons.map((reason) => (
          <li key={reason.says}>{reason.says}</li>
        ))}
      </ul>
      <details className="mt-1">
        <summary className="link min-h-6 w-fit">Proposed split</summary>
        <ul className="mt-1">
          {team.slice(0, SHARES).map((member, place) => (
            <li key={member.account} className="flex flex-wrap justify-between gap-x-4">
              <span>
                {member.name && `${member.name} `}
                <AddressLink address={member.account} />
              </span>
              <span>{formatBps(partner.split[place])}</span>
            </li>
          ))}
          {team.length > SHARES && (
            <li className="flex justify-between">
              <span>{team.length - SHARES} others together</span>
              <span>{formatBps(partner.split.slice(SHARES, -1).reduce((sum, share) => sum + share, 0))}</span>
            </li>
          )}
          <li className="flex justify-between font-medium">
            <span>The partner</span>
            <span>{formatBps(own)}</span>
          </li>
        </ul>
      </details>
    </>
  );
}
