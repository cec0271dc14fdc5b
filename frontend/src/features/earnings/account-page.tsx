import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { ApiProblem } from "../../api/problem";
import { shortAddress } from "../../lib/address";
import { Amount } from "../../ui/amount";
import { CopyButton } from "../../ui/copy-button";
import { Loaded } from "../../ui/loaded";
import { NotFound } from "../../ui/not-found";
import { PageTitle } from "../../ui/page";
import { Paged } from "../../ui/paged";
import { Section } from "../../ui/section";
import { Skeleton, SkeletonRows } from "../../ui/skeleton";
import { Empty } from "../../ui/states";
import { Time } from "../../ui/time";
import { earningsQuery, payoutsQuery, type Earnings, type Payout } from "./queries";
import { Why } from "./why";

/** `works`: the works the account owns, which the catalogue knows how to show. */
export function AccountPage({ address, works }: { address: string; works: ReactNode }) {
  const earnings = useQuery(earningsQuery(address));
  if (earnings.error instanceof ApiProblem && earnings.error.status === 422) return <NotFound what={`${address} is not an account.`} />;
  return (
    <div className="py-8">
      <PageTitle>{`Account ${shortAddress(address)}`}</PageTitle>
      <header className="mb-8">
        <p className="text-sm text-muted">Account</p>
        <h1 className="mt-1 font-mono text-base break-all sm:text-xl">{address}</h1>
        <p className="mt-2">
          <CopyButton text={address} what="the address" />
        </p>
      </header>
      <Section title="Earnings">
        <Loaded query={earnings} skeleton={<Skeleton className="h-21" />}>
          {(currencies) =>
            currencies.length === 0 ? (
              <Empty>No distribution has paid this account yet.</Empty>
            ) : (
              currencies.map((each) => <Figures key={each.currency} earnings={each} />)
            )
          }
        </Loaded>
      </Section>
      <Payouts address={address} />
      <Section title="Works owned">{works}</Section>
    </div>
  );
}

function Figures({ earnings: { currency, earned, claimed, claimable, pending } }: { earnings: Earnings }) {
  const figures = [
    { name: "Earned", value: earned, note: "in all" },
    { name: "Claimed", value: claimed, note: "paid out on chain" },
    { name: "Claimable", value: claimable, note: "now" },
    { name: "Pending", value: pending, note: "until the next payout root" },
  ];
  return (
    <dl className="mb-4 grid gap-x-8 gap-y-4 sm:grid-cols-2 lg:grid-cols-4">
      {figures.map(({ name, value, note }) => (
        <div key={name}>
          <dt className="text-sm text-muted">
            {name}, {note}
          </dt>
          <dd className="text-lg font-medium">
            <Amount value={value} currency={currency} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Payouts({ address }: { address: string }) {
  const query = useInfiniteQuery(payoutsQuery(address));
  return (
    <Section title="Payouts">
      <Paged
        query={query}
        skeleton={<SkeletonRows rows={2} className="h-16" />}
        empty={<Empty>This account is upstream of no income so far.</Empty>}
      >
        {(payouts) => (
          <ol>
            {payouts.map((payout) => (
              <Row key={payout.id} payout={payout} />
            ))}
          </ol>
        )}
      </Paged>
    </Section>
  );
}

function Row({ payout }: { payout: Payout }) {
  return (
    <li className="flex flex-wrap items-baseline gap-x-4 gap-y-1 border-t border-line py-3 first:border-t-0 first:pt-0">
      <span className="w-full font-medium sm:w-auto">
        <Amount value={payout.amount} currency={payout.currency} />
      </span>
      <span className="text-sm text-muted">
        income of{" "}
        <Link to="/assets/$id" params={{ id: payout.assetId }} className="link">
          work {payout.assetId}
        </Link>
        ,{" "}
        <Link to="/distributions/$id" params={{ id: payout.distributionId }} className="link">
          distribution {payout.distributionId}
        </Link>
        {payout.released && ", released from a reserve"}
      </span>
      <span className="text-sm text-muted">
        <Time at={payout.createdAt} />
      </span>
      <Why payoutId={payout.id} account="this account" />
    </li>
  );
}
