// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IDisputes} from "../../src/interfaces/IDisputes.sol";
import {DisputeRegistry, OpenArbiter} from "../mocks/DisputeMocks.sol";
import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {Test} from "forge-std/Test.sol";

/// @notice Lets everybody call everything.
contract OpenManager {
    function canCall(address, address, bytes4) external pure returns (bool, uint32) {
        return (true, 0);
    }
}

/// @notice A party that signs everything.
contract Agreeable is IERC1271 {
    function isValidSignature(bytes32, bytes memory) external pure returns (bytes4) {
        return IERC1271.isValidSignature.selector;
    }

    receive() external payable {}
}

/// @notice Every ending of a dispute gives out exactly the bonds that came in: ./dev audit lemmas. Disputes' own code, as
/// deployed, with stand-ins for the registry and the manager. For all bonds below 2^96 and, where they occur, all rulings,
/// settlements, and waits below 2^32 seconds. To forge they are no tests.
contract DisputeLemmas is Test {
    uint256 internal constant ASSET = 1;
    uint256 internal constant START = 1_800_000_000;
    uint256 internal constant COUNTER_PERIOD = 7 days;
    uint256 internal constant RULING_PERIOD = 30 days;

    DisputeRegistry internal registry;
    IDisputes internal disputes;
    OpenArbiter internal arbiter;
    Agreeable internal claimant;
    Agreeable internal respondent;

    function setUp() public {
        vm.warp(START);
        registry = new DisputeRegistry();
        claimant = new Agreeable();
        respondent = new Agreeable();
        registry.give(ASSET, address(respondent));
        disputes = IDisputes(
            deployCode(
                "Disputes.sol:Disputes", abi.encode(new OpenManager(), registry, uint96(0), uint96(0), type(uint96).max)
            )
        );
        arbiter = new OpenArbiter(disputes);
        disputes.setArbiter(address(arbiter));
    }

    /// @dev Whatever the ruling and the second in which it is made.
    function check_RulingGivesOutBothBonds(uint96 bond, uint8 ruling, uint32 wait) external {
        vm.assume(ruling < 3 && wait <= RULING_PERIOD);
        _begin(bond, true);
        vm.warp(START + wait);
        arbiter.rule(1, IDisputes.Ruling(ruling));
        (uint256 toClaimant, uint256 toRespondent) = _given(2 * uint256(bond));
        if (ruling == 0) assert(toClaimant == bond && toRespondent == bond);
        if (ruling == 1) assert(toRespondent == 0);
        if (ruling == 2) assert(toClaimant == 0);
    }

    /// @dev A settlement that goes through gives out what is held, as signed, whatever the numbers in it.
    function check_SettlementGivesOutWhatIsHeld(
        uint96 bond,
        bool countered,
        uint256 part,
        uint256 rest,
        uint64 frozenUntil
    ) external {
        _begin(bond, countered);
        uint256 held = countered ? 2 * uint256(bond) : bond;
        IDisputes.Settlement memory settlement = IDisputes.Settlement({
            disputeId: 1, toClaimant: part, toRespondent: rest, frozenUntil: frozenUntil, termsHash: 0, deadline: START
        });
        (bool done,) = address(disputes).call(abi.encodeCall(disputes.settle, (settlement, "", "")));
        if (!done) {
            assert(disputes.withdrawableOf(address(claimant)) == 0);
            assert(disputes.withdrawableOf(address(respondent)) == 0);
            return;
        }
        (uint256 toClaimant, uint256 toRespondent) = _given(held);
        assert(toClaimant == part && toRespondent == rest);
    }

    /// @dev Time alone ends a dispute that was not countered, and the claimant gets its bond.
    function check_DefaultGivesOutTheBond(uint96 bond, uint32 wait) external {
        vm.assume(wait > COUNTER_PERIOD);
        _begin(bond, false);
        vm.warp(START + wait);
        disputes.timeout(1);
        (uint256 toClaimant,) = _given(bond);
        assert(toClaimant == bond);
    }

    /// @dev Time alone ends a dispute that was not ruled on, and each gets its own.
    function check_ExpiryGivesOutBothBonds(uint96 bond, uint32 wait) external {
        vm.assume(wait > RULING_PERIOD);
        _begin(bond, true);
        vm.warp(START + wait);
        disputes.timeout(1);
        (uint256 toClaimant, uint256 toRespondent) = _given(2 * uint256(bond));
        assert(toClaimant == bond && toRespondent == bond);
    }

    /// @dev At every second after it was countered exactly one of ruling and timing out is possible, whichever is
    /// tried first.
    function check_RulingAndExpiryDoNotMeet(uint96 bond, uint32 wait, bool rulingFirst) external {
        _begin(bond, true);
        vm.warp(START + wait);
        bool ruled = rulingFirst && _rules();
        (bool expired,) = address(disputes).call(abi.encodeCall(disputes.timeout, (1)));
        if (!rulingFirst) ruled = _rules();
        assert(ruled != expired);
        assert(ruled == (wait <= RULING_PERIOD));
        _given(2 * uint256(bond));
    }

    /// @dev What is withdrawn is what was given, once, and leaves the other's alone.
    function check_WithdrawalsTakeWhatWasGiven(uint96 bond, uint8 ruling) external {
        vm.assume(bond != 0 && ruling < 3);
        _begin(bond, true);
        arbiter.rule(1, IDisputes.Ruling(ruling));
        uint256 mine = disputes.withdrawableOf(address(claimant));
        uint256 other = disputes.withdrawableOf(address(respondent));
        vm.assume(mine != 0);
        vm.prank(address(claimant));
        uint256 taken = disputes.withdrawBond(address(claimant));
        assert(taken == mine && address(claimant).balance == mine);
        assert(address(disputes).balance == other);
        assert(disputes.withdrawableOf(address(claimant)) == 0);
        assert(disputes.withdrawableOf(address(respondent)) == other);
    }

    function _rules() private returns (bool ruled) {
        (ruled,) = address(arbiter).call(abi.encodeCall(arbiter.rule, (1, IDisputes.Ruling.SPLIT)));
    }

    function _begin(uint96 bond, bool countered) private {
        disputes.setBond(bond);
        vm.deal(address(claimant), bond);
        vm.prank(address(claimant));
        disputes.raise{value: bond}(ASSET, "cid");
        if (!countered) return;
        vm.deal(address(respondent), bond);
        vm.prank(address(respondent));
        disputes.counter{value: bond}(1, "cid");
    }

    /// @dev The dispute is closed, and all that was held is the parties'.
    function _given(uint256 held) private view returns (uint256 toClaimant, uint256 toRespondent) {
        assert(disputes.disputeOf(1).status == IDisputes.Status.CLOSED);
        assert(disputes.openDisputeOf(ASSET) == 0);
        toClaimant = disputes.withdrawableOf(address(claimant));
        toRespondent = disputes.withdrawableOf(address(respondent));
        assert(toClaimant + toRespondent == held);
        assert(address(disputes).balance == held);
    }
}
