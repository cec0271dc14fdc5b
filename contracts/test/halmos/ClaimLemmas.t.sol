// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IPayouts} from "../../src/interfaces/IPayouts.sol";
import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";
import {Test} from "forge-std/Test.sol";

/// @notice Stands for the AccessManager: everyone may do everything.
contract AllowAll {
    function canCall(address, address, bytes4) external pure returns (bool, uint32) {
        return (true, 0);
    }
}

/// @notice What claims pay, for all amounts below 2^96 (2^128 for what is declared in excess): ./dev audit lemmas. The
/// deployed code of Payouts and its pot, in native coin, with trees of one leaf and of two. Where
/// more than what is due could be paid, twice as much is there. To forge they are no tests.
contract ClaimLemmas is Test {
    address internal constant ANNA = address(0xA11A);
    address internal constant BEN = address(0xBE11);

    IPayouts internal payouts;

    function setUp() public {
        payouts = IPayouts(deployCode("Payouts.sol:Payouts", abi.encode(new AllowAll(), uint64(0), uint64(0))));
    }

    /// @dev However it is reached, what was paid in all is the last cumulative amount.
    function check_ClaimsPayTheLastCumulative(uint96 first, uint96 second) public {
        vm.assume(0 < first && first <= second);
        _fund(2 * uint256(second));
        _activate(_leaf(ANNA, first), 2 * uint256(first));
        _claim(ANNA, first, new bytes32[](0));
        assert(ANNA.balance == first);
        _activate(_leaf(ANNA, second), 2 * uint256(second));
        _claim(ANNA, second, new bytes32[](0));
        assert(ANNA.balance == second);
        assert(payouts.claimedOf(ANNA, address(0)) == second);
    }

    /// @dev A claim that was left out is made up for by the next: in parts or at once, the sum is the same.
    function check_AClaimLeftOutIsNotLost(uint96 first, uint96 second) public {
        vm.assume(0 < first && first <= second);
        _fund(2 * uint256(second));
        _activate(_leaf(ANNA, first), 2 * uint256(first));
        _activate(_leaf(ANNA, second), 2 * uint256(second));
        _claim(ANNA, second, new bytes32[](0));
        assert(ANNA.balance == second);
    }

    /// @dev What was paid is not paid again, and a replaced root, while it still counts, adds nothing.
    function check_NothingIsPaidTwice(uint96 first, uint96 second) public {
        vm.assume(0 < first && first <= second);
        _fund(2 * uint256(second));
        _activate(_leaf(ANNA, first), 2 * uint256(first));
        _activate(_leaf(ANNA, second), 2 * uint256(second));
        _claim(ANNA, second, new bytes32[](0));
        _claim(ANNA, second, new bytes32[](0));
        _claim(ANNA, first, new bytes32[](0));
        assert(ANNA.balance == second);
    }

    /// @dev Only the amount in the tree is paid.
    function check_AnotherAmountIsNotPaid(uint96 proven, uint96 asked) public {
        vm.assume(proven != 0 && asked != proven);
        _fund(proven);
        _activate(_leaf(ANNA, proven), proven);
        try payouts.claim(ANNA, address(0), asked, new bytes32[](0)) {
            assert(false);
        } catch {}
        assert(ANNA.balance == 0);
    }

    /// @dev Only the account in the tree is paid.
    function check_AnotherAccountIsNotPaid(uint96 proven, address account) public {
        vm.assume(proven != 0 && account != ANNA);
        _fund(proven);
        _activate(_leaf(ANNA, proven), proven);
        try payouts.claim(account, address(0), proven, new bytes32[](0)) {
            assert(false);
        } catch {}
    }

    /// @dev A tree may promise more than it declares: claims take the declared total at most, which was funded, and
    /// no coin appears or goes.
    function check_ClaimsStayWithinDeclared(uint96 funded, uint96 declared, uint96 toAnna, uint96 toBen) public {
        vm.assume(funded != 0 && declared <= funded);
        _fund(funded);
        (bytes32 anna, bytes32 ben) = (_leaf(ANNA, toAnna), _leaf(BEN, toBen));
        _activate(Hashes.commutativeKeccak256(anna, ben), declared);
        bytes32[] memory proof = new bytes32[](1);
        proof[0] = ben;
        try payouts.claim(ANNA, address(0), toAnna, proof) {} catch {}
        proof[0] = anna;
        try payouts.claim(BEN, address(0), toBen, proof) {} catch {}
        uint256 paid = ANNA.balance + BEN.balance;
        assert(paid <= declared);
        assert(paid + address(payouts).balance + payouts.pot().balance == funded);
    }

    /// @dev More than was funded cannot be declared.
    function check_DeclaredStaysWithinFunded(uint96 funded, uint128 declared) public {
        vm.assume(funded != 0 && declared > funded);
        _fund(funded);
        IPayouts.Total[] memory totals = new IPayouts.Total[](1);
        totals[0].amount = declared;
        try payouts.propose("root", "", 0, totals) {
            assert(false);
        } catch {}
    }

    function _fund(uint256 amount) private {
        vm.deal(address(this), amount);
        payouts.fund{value: amount}(1, address(0), amount, "lemma");
    }

    function _activate(bytes32 root, uint256 declared) private {
        IPayouts.Total[] memory totals = new IPayouts.Total[](1);
        totals[0].amount = declared;
        payouts.propose(root, "", 0, totals);
        payouts.activate();
    }

    function _claim(address account, uint256 cumulative, bytes32[] memory proof) private {
        IPayouts.Claim[] memory claims = new IPayouts.Claim[](1);
        claims[0] = IPayouts.Claim({account: account, token: address(0), cumulative: cumulative, proof: proof});
        try payouts.claimMany(claims) {}
        catch {
            assert(false);
        }
    }

    function _leaf(address account, uint256 cumulative) private view returns (bytes32) {
        return keccak256(
            bytes.concat(keccak256(abi.encode(block.chainid, address(payouts), account, address(0), cumulative)))
        );
    }
}
