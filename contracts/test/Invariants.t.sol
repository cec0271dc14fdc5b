// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IMarket} from "../src/interfaces/IMarket.sol";
import {IPayouts} from "../src/interfaces/IPayouts.sol";
import {IRegistry} from "./Base.t.sol";
import {Handler} from "./Handler.sol";
import {TestToken} from "./mocks/TestToken.sol";
import {Test} from "forge-std/Test.sol";

/// @notice The laws that hold after any sequence of actions. Laws of single events (a price is wholly divided, a nonce
/// is filled once, event numbers have no gaps, a root waits its time, a royalty never rises, no claim exceeds what was
/// proven) are asserted by the handler as it reads the logs.
contract InvariantsTest is Test {
    Handler internal handler;
    IRegistry internal registry;
    IMarket internal market;
    IPayouts internal payouts;
    TestToken internal token;

    function setUp() public {
        handler = new Handler();
        (address registry_, address market_, address payouts_, address token_) = handler.system();
        (registry, market, payouts) = (IRegistry(registry_), IMarket(market_), IPayouts(payouts_));
        token = TestToken(token_);
        bytes4[] memory selectors = new bytes4[](13);
        selectors[0] = Handler.register.selector;
        selectors[1] = Handler.transfer.selector;
        selectors[2] = Handler.lowerRoyalty.selector;
        selectors[3] = Handler.trade.selector;
        selectors[4] = Handler.cancel.selector;
        selectors[5] = Handler.withdrawCredit.selector;
        selectors[6] = Handler.setFee.selector;
        selectors[7] = Handler.fund.selector;
        selectors[8] = Handler.propose.selector;
        selectors[9] = Handler.veto.selector;
        selectors[10] = Handler.activate.selector;
        selectors[11] = Handler.claim.selector;
        selectors[12] = Handler.replay.selector;
        targetSelector(FuzzSelector({addr: address(handler), selectors: selectors}));
        targetContract(address(handler));
    }

    /// @dev 2: the market holds its credits and nothing else.
    function invariant_MarketHoldsItsCreditsOnly() public view {
        uint256 native;
        uint256 tokens;
        for (uint256 i; i < 10; ++i) {
            native += market.creditOf(handler.actors(i), address(0));
            tokens += market.creditOf(handler.actors(i), address(token));
        }
        assertEq(address(market).balance, native);
        assertEq(token.balanceOf(address(market)), tokens);
    }

    /// @dev 3 and 10: the modules own no asset; balances sum to the number of assets.
    function invariant_AssetsAreOwnedByActors() public view {
        uint256 sum;
        for (uint256 i; i < 10; ++i) {
            sum += registry.balanceOf(handler.actors(i));
        }
        assertEq(sum, registry.assetCount());
        assertEq(registry.balanceOf(address(market)), 0);
        assertEq(registry.balanceOf(address(payouts)), 0);
        assertEq(registry.balanceOf(address(registry)), 0);
    }

    /// @dev 11 and 12: claimed <= declared <= funded, and the money is there.
    function invariant_PotIsSolvent() public view {
        _solvent(address(0), address(payouts).balance);
        _solvent(address(token), token.balanceOf(address(payouts)));
    }

    function _solvent(address currency, uint256 balance) private view {
        IPayouts.Tally memory tally = payouts.tallyOf(currency);
        assertLe(tally.claimed, tally.declared);
        assertLe(tally.declared, tally.funded);
        assertEq(balance, tally.funded - tally.claimed);
        uint256 sum;
        for (uint256 i; i < 10; ++i) {
            sum += payouts.claimedOf(handler.actors(i), currency);
        }
        assertEq(sum, tally.claimed);
    }

    /// @dev 25, and with it 9: what an indexer rebuilt from logs alone is what is stored.
    function invariant_LogsTellTheState() public view {
        uint256 count = handler.count();
        assertEq(registry.assetCount(), count);
        for (uint256 id = 1; id <= count; ++id) {
            assertEq(registry.ownerOf(id), handler.ownerOf(id));
            assertEq(registry.epochOf(id), handler.epochOf(id));
            assertEq(registry.royaltyBpsOf(id), handler.royaltyOf(id));
            bytes32 contentHash = keccak256(abi.encode("work", id));
            assertEq(registry.assetOf(contentHash), id);
            assertEq(handler.assetOf(contentHash), id);
        }
        address[2] memory currencies = [address(0), address(token)];
        for (uint256 i; i < 2; ++i) {
            assertEq(payouts.tallyOf(currencies[i]).funded, handler.fundedOf(currencies[i]));
            assertEq(payouts.tallyOf(currencies[i]).claimed, handler.claimedOf(currencies[i]));
        }
        for (uint256 i; i < 10; ++i) {
            address actor = handler.actors(i);
            assertEq(market.makerEpochOf(actor), handler.makerEpochOf(actor));
            assertEq(market.creditOf(actor, address(0)), handler.creditOf(actor, address(0)));
            assertEq(market.creditOf(actor, address(token)), handler.creditOf(actor, address(token)));
        }
        (bytes32 pending,,) = payouts.pendingRoot();
        assertEq(pending, handler.pendingRoot());
        assertEq(payouts.activeRoot(), handler.activeRoot());
        assertEq(registry.eventSeq(), handler.seqOf(address(registry)));
        assertEq(market.eventSeq(), handler.seqOf(address(market)));
        assertEq(payouts.eventSeq(), handler.seqOf(address(payouts)));
    }
}
