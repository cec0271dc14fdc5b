import { getRouteApi } from "@tanstack/react-router";
import { TrackRecordPage } from "../features/agents/track-record-page";
import { BooksPage } from "../features/books/books-page";
import { OwnedWorks } from "../features/catalogue/owned-works";
import { AccountPage } from "../features/earnings/account-page";
import { DistributionPage } from "../features/earnings/distribution-page";
import { LedgerPage } from "../features/ledger/ledger-page";
import { MarketPage } from "../features/market/market-page";
import { WorkPage } from "../features/work/work-page";

/** Pages beyond the first, in a bundle of their own. */

const work = getRouteApi("/assets/$id");
export function Work() {
  const { id } = work.useParams();
  // A new work is a new page: what was opened on the last one is closed.
  return <WorkPage key={id} id={id} />;
}

const distribution = getRouteApi("/distributions/$id");
export function Distribution() {
  const { id } = distribution.useParams();
  return <DistributionPage key={id} id={id} />;
}

const account = getRouteApi("/accounts/$address");
export function Account() {
  const { address } = account.useParams();
  return <AccountPage key={address} address={address} works={<OwnedWorks owner={address} />} />;
}

export function Market() {
  return <MarketPage />;
}

export function Books() {
  return <BooksPage />;
}

export function TrackRecord() {
  return <TrackRecordPage />;
}

const ledger = getRouteApi("/ledger");
export function Ledger() {
  const { stream } = ledger.useSearch();
  return <LedgerPage key={stream} stream={stream} />;
}
