import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Amount } from "../../ui/amount";
import { Paged } from "../../ui/paged";
import { Section } from "../../ui/section";
import { SkeletonRows } from "../../ui/skeleton";
import { Empty } from "../../ui/states";
import { Time } from "../../ui/time";
import { distributionsQuery } from "./queries";

export function DistributionsSection({ id }: { id: string }) {
  const query = useInfiniteQuery(distributionsQuery(id));
  return (
    <Section title="Distributions" note="Of this work's own income">
      <Paged
        query={query}
        skeleton={<SkeletonRows rows={1} className="h-16" />}
        empty={<Empty>No income has been divided yet: it is once the block it came in is final.</Empty>}
      >
        {(distributions) => (
          <ol>
            {distributions.map(({ id, amount, distributed, reserved, currency, createdAt }) => (
              <li key={id} className="border-t border-line py-3 first:border-t-0 first:pt-0">
                <div className="flex flex-wrap items-baseline justify-between gap-x-4">
                  <Link to="/distributions/$id" params={{ id }} className="link">
                    Distribution {id}
                  </Link>
                  <Amount value={amount} currency={currency} className="font-medium" />
                </div>
                <p className="flex flex-wrap justify-between gap-x-4 text-sm text-muted">
                  <Time at={createdAt} />
                  <span>
                    <Amount value={distributed} currency={currency} places={6} /> paid, <Amount value={reserved} currency={currency} places={6} /> reserved
                  </span>
                </p>
              </li>
            ))}
          </ol>
        )}
      </Paged>
    </Section>
  );
}
