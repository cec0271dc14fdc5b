import { useInfiniteQuery } from "@tanstack/react-query";
import { count, formatPpm } from "../../lib/share";
import { AddressLink } from "../../ui/address-link";
import { Paged } from "../../ui/paged";
import { Section } from "../../ui/section";
import { SkeletonRows } from "../../ui/skeleton";
import { Empty } from "../../ui/states";
import { contributorsQuery, type Contributor } from "./queries";

export function ContributorsSection({ id }: { id: string }) {
  const query = useInfiniteQuery(contributorsQuery(id));
  return (
    <Section title="Contributors" note="By the cost of what each did">
      <Paged
        query={query}
        skeleton={<SkeletonRows rows={3} className="h-19" />}
        empty={<Empty>No contributions are recorded: what this work earns goes to its owners and to the works it was made from.</Empty>}
      >
        {(contributors) => (
          <ol>
            {contributors.map((contributor) => (
              <Row key={contributor.id} contributor={contributor} />
            ))}
          </ol>
        )}
      </Paged>
    </Section>
  );
}

function KindMark({ kind }: { kind: string }) {
  const system = kind === "SYSTEM";
  return (
    <span
      className="ml-2 rounded-sm border border-line px-1.5 text-xs text-muted"
      title={system ? "A tool, a model or a bot: whoever made it act is paid" : "A person or an organisation"}
    >
      {system ? "System" : "Human"}
    </span>
  );
}

function Row({ contributor }: { contributor: Contributor }) {
  const share = formatPpm(contributor.sharePpm);
  return (
    <li className="border-t border-line py-3 first:border-t-0 first:pt-0">
      <div className="flex items-baseline justify-between gap-4">
        <p>
          <span className="font-medium">{contributor.name}</span>
          <KindMark kind={contributor.kind} />
        </p>
        <p className="font-medium">{share}</p>
      </div>
      <div className="mt-1.5 h-1 bg-line" aria-hidden="true">
        <div className="h-full bg-ink" style={{ width: `${contributor.sharePpm / 10_000}%` }} />
      </div>
      <p className="mt-1.5 flex flex-wrap gap-x-4 text-sm text-muted">
        <span>{count(contributor.contributions, "contribution")}</span>
        <span>cost {contributor.cost}</span>
        {contributor.address ? (
          <span>
            paid at <AddressLink address={contributor.address} />
          </span>
        ) : (
          <span>reserved until an address is known</span>
        )}
      </p>
    </li>
  );
}
