// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IStaking} from "../src/interfaces/IStaking.sol";
import {BaseTest} from "./Base.t.sol";
import {BlockingToken, FeeToken, HookToken, NoReturnToken} from "./mocks/OddTokens.sol";
import {Puppet, Reenterer, Refuser} from "./mocks/Receivers.sol";
import {DeadToken, DecimalToken, EmptyToken, StakingHandler, StakingMirror} from "./mocks/StakingMocks.sol";
import {TestToken} from "./mocks/TestToken.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

/// @notice The contract with its constants.
interface IStakingContract is IStaking {
    function STAKE_TOKEN() external view returns (address);
    function REGISTRY() external view returns (address);
    function WHOLE() external view returns (uint256);
    function MAX_TOKENS() external view returns (uint256);
}

/// @notice Two assets, two backers, and short ways to act.
abstract contract StakingBase is BaseTest {
    uint256 internal constant UNIT = 1e6;
    uint256 internal constant PARTS = 1 << 80;
    address internal constant COIN = address(0);

    IStakingContract internal staking;
    TestToken internal reward;
    uint256 internal work;
    uint256 internal other;
    address internal carol = makeAddr("carol");

    function setUp() public virtual override {
        super.setUp();
        staking = _deploy(address(token));
        reward = new TestToken();
        work = _register(alice, "work");
        other = _register(alice, "other");
        address[4] memory accounts = [alice, bob, carol, address(this)];
        for (uint256 i; i < accounts.length; ++i) {
            token.mint(accounts[i], 1e30);
            reward.mint(accounts[i], 1e30);
            vm.startPrank(accounts[i]);
            token.approve(address(staking), type(uint256).max);
            reward.approve(address(staking), type(uint256).max);
            vm.stopPrank();
        }
        vm.deal(address(this), 1e30);
    }

    function _deploy(address stakeToken) internal returns (IStakingContract) {
        return IStakingContract(deployCode("Staking.sol:Staking", abi.encode(stakeToken, registry)));
    }

    function _list(address one) internal pure returns (address[] memory tokens) {
        tokens = new address[](1);
        tokens[0] = one;
    }

    /// @dev Tokens that nobody ever deployed.
    function _many(uint256 count) internal pure returns (address[] memory tokens) {
        tokens = new address[](count);
        for (uint256 i; i < count; ++i) {
            tokens[i] = address(uint160(0xbad0000 + i));
        }
    }

    function _stake(address account, uint256 amount, address joined) internal {
        vm.prank(account);
        staking.stake(work, amount, _list(joined));
    }

    function _unstake(address account, uint256 amount) internal returns (uint64 exit, uint64 readyAt) {
        vm.prank(account);
        return staking.unstake(work, amount);
    }

    function _fund(address currency, uint256 amount, uint256 duration) internal {
        staking.fundYield{value: currency == COIN ? amount : 0}(work, currency, amount, duration);
    }

    function _claim(address account, address currency) internal returns (uint256) {
        vm.prank(account);
        return staking.claimYield(work, currency, account);
    }

    /// @dev The sum law: what alice, bob and carol took and can take, undripped and carried are what was funded.
    function _assertSum(address currency, uint256 taken) internal view {
        IStaking.StreamState memory stream = staking.streamOf(work, currency);
        uint256 accrued = staking.accruedOf(alice, work, currency) + staking.accruedOf(bob, work, currency)
            + staking.accruedOf(carol, work, currency);
        assertEq(taken * PARTS + accrued + stream.undripped + stream.carried, stream.funded * PARTS, "sum law");
    }
}

// constructor
// ├── when the stake token has more than 24 decimals: it should revert
// └── else: it should say what it was made with
// stake
// ├── given the asset is unknown: it should revert
// ├── when nothing arrives: it should revert
// ├── when the sum of stakes would pass 2^128: it should revert
// ├── when more than eight tokens would be joined: it should revert
// ├── given a token that calls back: it should refuse the second call
// └── else: it should count what arrives, and join tokens that are not joined yet
// unstake
// ├── when the amount is zero, or above the stake: it should revert
// ├── given below 100 tokens were taken out in this and the last span: it should be ready at once
// ├── given 100 to 1000: it should be ready in 24 hours
// ├── given above 1000: it should be ready in 72 hours
// ├── when done in parts: it should wait as long as at once, for the part that passes a limit
// ├── given both other spans passed: it should forget
// └── given the stake token, the reward tokens or the registry fail, or many junk tokens: it should go on as ever
// withdraw
// ├── given the number is unknown, another's, or paid: it should revert
// ├── given it still cools: it should revert
// ├── when the receiver is zero or the contract: it should revert
// └── else: it should pay the receiver
// join, leave
// ├── given a ninth token: it should revert
// ├── given it is not joined, when leaving: it should revert
// └── else: it should earn from the one moment to the other, and keep what was earned
// fundYield
// ├── when the duration is below a day or above 365: it should revert
// ├── given the asset is unknown: it should revert
// ├── when the value is not the amount (native), or not zero (token): it should revert
// ├── when nothing arrives, or the sum of fundings would pass 2^128: it should revert
// └── else: it should drip evenly beside the others, which neither gain nor lose a second
// claimYield
// ├── given nothing whole accrued: it should revert
// ├── when the receiver is zero or the contract, or refuses: it should revert and keep the claim
// ├── given a receiver that calls back: it should pay once
// └── else: it should pay whole units and keep the fraction
// always
// ├── it should hold the sum law to the part
// ├── it should earn nothing in time of zero stake
// └── it should be rebuilt from events
contract StakingTest is StakingBase {
    // ---------------------------------------------------------------------------------------------------- constructor

    function test_Constructor() public {
        vm.expectEmit();
        emit IStaking.Opened(1, address(token), 6, address(registry));
        IStakingContract fresh = _deploy(address(token));
        assertEq(fresh.STAKE_TOKEN(), address(token));
        assertEq(fresh.REGISTRY(), address(registry));
        assertEq(fresh.WHOLE(), UNIT);
        assertEq(fresh.eventSeq(), 1);
        assertEq(_deploy(address(new DecimalToken(24))).WHOLE(), 1e24);
        assertEq(_deploy(address(new DecimalToken(0))).WHOLE(), 1);
    }

    function test_RevertWhen_DecimalsTooMany() public {
        address odd = address(new DecimalToken(25));
        vm.expectRevert(abi.encodeWithSelector(IStaking.DecimalsTooMany.selector, 25, 24));
        _deploy(odd);
    }

    // ---------------------------------------------------------------------------------------------------------- stake

    function test_Stake() public {
        vm.expectEmit();
        emit IStaking.Staked(2, work, alice, 500);
        vm.expectEmit();
        emit IStaking.Joined(3, work, alice, COIN);
        _stake(alice, 500, COIN);
        assertEq(staking.stakeOf(alice, work), 500);
        assertEq(staking.totalStakeOf(work), 500);
        assertEq(staking.tokensOf(alice, work), _list(COIN));
        assertEq(staking.streamOf(work, COIN).stake, 500);
        assertEq(token.balanceOf(address(staking)), 500);

        vm.prank(alice);
        assertEq(staking.stake(work, 100, new address[](0)), 100);
        vm.prank(bob);
        staking.stake(work, 50, new address[](0));
        vm.prank(alice);
        staking.stake(other, 7, _list(COIN));
        assertEq(staking.stakeOf(alice, work), 600);
        assertEq(staking.totalStakeOf(work), 650);
        assertEq(staking.totalStakeOf(other), 7);
        assertEq(staking.streamOf(work, COIN).stake, 600, "bob did not join");
        assertEq(staking.streamOf(other, COIN).stake, 7);
        assertEq(staking.eventSeq(), 7);
    }

    function test_StakeJoinsATokenOnce() public {
        _stake(alice, 500, COIN);
        address[] memory twice = new address[](3);
        twice[2] = address(reward);
        vm.prank(alice);
        staking.stake(work, 1, twice);
        address[] memory joined = staking.tokensOf(alice, work);
        assertEq(joined.length, 2);
        assertEq(joined[1], address(reward));
        assertEq(staking.streamOf(work, COIN).stake, 501);
        assertEq(staking.streamOf(work, address(reward)).stake, 501);
    }

    function test_StakeCountsWhatArrives() public {
        FeeToken odd = new FeeToken();
        staking = _deploy(address(odd));
        odd.mint(alice, 1000);
        vm.startPrank(alice);
        odd.approve(address(staking), 1000);
        assertEq(staking.stake(work, 1000, new address[](0)), 990);
        assertEq(staking.stakeOf(alice, work), 990);
        (uint64 exit,) = staking.unstake(work, 990);
        skip(72 hours);
        staking.withdraw(exit, alice);
        assertEq(odd.balanceOf(address(staking)), 0);
    }

    function test_StakeTokenWithoutReturnValue() public {
        NoReturnToken odd = new NoReturnToken();
        vm.mockCall(address(odd), abi.encodeWithSignature("decimals()"), abi.encode(6));
        staking = _deploy(address(odd));
        odd.mint(alice, 1000);
        vm.startPrank(alice);
        odd.approve(address(staking), 1000);
        assertEq(staking.stake(work, 1000, new address[](0)), 1000);
        (uint64 exit,) = staking.unstake(work, 400);
        assertEq(staking.withdraw(exit, bob), 400);
        assertEq(odd.balanceOf(bob), 400);
    }

    function test_StakeCannotBeCountedTwiceByReentering() public {
        HookToken odd = new HookToken();
        staking = _deploy(address(odd));
        odd.mint(address(odd), 1000);
        odd.mint(alice, 1000);
        vm.prank(address(odd));
        odd.approve(address(staking), 1000);
        vm.prank(alice);
        odd.approve(address(staking), 1000);
        bytes[4] memory calls = [
            abi.encodeCall(staking.stake, (work, 10, new address[](0))),
            abi.encodeCall(staking.fundYield, (work, address(odd), 10, 1 days)),
            abi.encodeCall(staking.withdraw, (1, alice)),
            abi.encodeCall(staking.claimYield, (work, address(odd), alice))
        ];
        for (uint256 i; i < calls.length; ++i) {
            odd.arm(address(staking), calls[i]);
            vm.prank(alice);
            staking.stake(work, 100, new address[](0));
            assertFalse(odd.succeeded());
        }
        assertEq(staking.totalStakeOf(work), 400);
        assertEq(odd.balanceOf(address(staking)), 400);
    }

    function test_RevertWhen_StakedOnAnUnknownAsset() public {
        vm.expectRevert();
        vm.prank(alice);
        staking.stake(99, 1, new address[](0));
    }

    function test_RevertWhen_NothingArrives() public {
        vm.expectRevert(IStaking.AmountZero.selector);
        staking.stake(work, 0, new address[](0));
        address empty = address(new EmptyToken());
        vm.expectRevert(IStaking.AmountZero.selector);
        staking.fundYield(work, empty, 1, 1 days);
    }

    function test_RevertWhen_StakesAreTooLarge() public {
        token.mint(alice, type(uint128).max);
        _stake(alice, type(uint128).max, COIN);
        vm.expectRevert();
        _stake(bob, 1, COIN);
        _unstake(alice, 1);
        _stake(bob, 1, COIN);
        assertEq(staking.totalStakeOf(work), type(uint128).max);
    }

    function test_RevertWhen_TokensTooMany() public {
        vm.startPrank(alice);
        vm.expectRevert(abi.encodeWithSelector(IStaking.TokensTooMany.selector, 9, 8));
        staking.stake(work, 1, _many(9));
        staking.stake(work, 1, _many(8));
        staking.stake(work, 1, _many(8));
        vm.expectRevert(abi.encodeWithSelector(IStaking.TokensTooMany.selector, 9, 8));
        staking.join(work, _list(COIN));
        staking.join(other, _list(COIN));
    }

    function testFuzz_Stake(uint128 first, uint128 second) public {
        first = uint128(bound(first, 1, type(uint128).max / 2));
        second = uint128(bound(second, 1, type(uint128).max / 2));
        token.mint(alice, first);
        token.mint(bob, second);
        _stake(alice, first, COIN);
        _stake(bob, second, COIN);
        assertEq(staking.stakeOf(alice, work), first);
        assertEq(staking.stakeOf(bob, work), second);
        assertEq(staking.totalStakeOf(work), uint256(first) + second);
        assertEq(staking.streamOf(work, COIN).stake, uint256(first) + second);
        assertEq(token.balanceOf(address(staking)), uint256(first) + second);
    }

    // -------------------------------------------------------------------------------------------------------- unstake

    function test_Unstake() public {
        _stake(alice, 5000 * UNIT, COIN);
        uint64 ready = uint64(block.timestamp + 24 hours);
        vm.expectEmit();
        emit IStaking.Unstaked(4, work, alice, 100 * UNIT, ready);
        (uint64 exit, uint64 readyAt) = _unstake(alice, 100 * UNIT);
        assertEq(exit, 4);
        assertEq(readyAt, ready);
        assertEq(staking.stakeOf(alice, work), 4900 * UNIT);
        assertEq(staking.totalStakeOf(work), 4900 * UNIT);
        assertEq(staking.streamOf(work, COIN).stake, 4900 * UNIT);
        uint256 amount;
        (amount, readyAt) = staking.coolingOf(alice, exit);
        assertEq(amount, 100 * UNIT);
        assertEq(readyAt, ready);
        assertEq(token.balanceOf(address(staking)), 5000 * UNIT);
    }

    function test_CooldownBySize() public view {
        assertEq(staking.cooldownOf(alice, 1), 0);
        assertEq(staking.cooldownOf(alice, 100 * UNIT - 1), 0);
        assertEq(staking.cooldownOf(alice, 100 * UNIT), 24 hours);
        assertEq(staking.cooldownOf(alice, 1000 * UNIT), 24 hours);
        assertEq(staking.cooldownOf(alice, 1000 * UNIT + 1), 72 hours);
        assertEq(staking.cooldownOf(alice, type(uint256).max), 72 hours);
    }

    function test_SplittingDoesNotShortenTheWait() public {
        _stake(alice, 5000 * UNIT, COIN);
        vm.prank(alice);
        staking.stake(other, 5000 * UNIT, new address[](0));
        _assertWait(99 * UNIT, 0);
        vm.prank(alice);
        (, uint64 readyAt) = staking.unstake(other, UNIT);
        assertEq(readyAt, block.timestamp + 24 hours, "another asset");
        _assertWait(900 * UNIT, 24 hours);
        _assertWait(1, 72 hours);
        // One that was taken out and withdrawn still counts.
        vm.prank(alice);
        staking.withdraw(4 + 1, alice);
        _assertWait(1, 72 hours);
        assertEq(staking.cooldownOf(bob, 99 * UNIT), 0, "another account");
    }

    /// @dev The test begins at the very beginning of a span: 1 800 000 000 is not one, so go to the next.
    function test_SpansAreForgotten() public {
        uint256 start = (block.timestamp / 72 hours + 1) * 72 hours;
        _stake(alice, 5000 * UNIT, COIN);
        vm.warp(start);
        _assertWait(60 * UNIT, 0);
        vm.warp(start + 72 hours - 1);
        _assertWait(40 * UNIT, 24 hours);
        vm.warp(start + 72 hours);
        assertEq(staking.cooldownOf(alice, 1), 24 hours, "the span before counts");
        _assertWait(1, 24 hours);
        vm.warp(start + 144 hours - 1);
        assertEq(staking.cooldownOf(alice, 1), 24 hours);
        vm.warp(start + 144 hours);
        assertEq(staking.cooldownOf(alice, 100 * UNIT - 2), 0, "only the span before counts");
        assertEq(staking.cooldownOf(alice, 100 * UNIT - 1), 24 hours);
        vm.warp(start + 216 hours);
        assertEq(staking.cooldownOf(alice, 100 * UNIT - 1), 0, "all forgotten");
        _assertWait(100 * UNIT - 1, 0);
        vm.warp(start + 288 hours);
        assertEq(staking.cooldownOf(alice, 1), 24 hours);
        vm.warp(start + 1 days * 400);
        assertEq(staking.cooldownOf(alice, 1), 0);
    }

    function test_SumsOfTakenStakeSaturate() public {
        token.mint(alice, 1 << 120);
        _stake(alice, 1 << 120, COIN);
        _assertWait(1 << 119, 72 hours);
        _assertWait(1 << 118, 72 hours);
        skip(72 hours);
        _assertWait(1 << 118, 72 hours);
    }

    function test_UnstakeGoesOnWhenAllElseFails() public {
        DeadToken dead = new DeadToken();
        DeadToken deadReward = new DeadToken();
        staking = _deploy(address(dead));
        dead.mint(alice, 1000);
        deadReward.mint(address(this), 1000);
        deadReward.approve(address(staking), 1000);
        vm.startPrank(alice);
        dead.approve(address(staking), 1000);
        staking.stake(work, 1000, _list(address(deadReward)));
        vm.stopPrank();
        _fund(address(deadReward), 1000, 1 days);
        skip(1 days);
        dead.die();
        deadReward.die();
        vm.mockCallRevert(address(registry), bytes(""), "dead");
        (uint64 exit,) = _unstake(alice, 600);
        vm.prank(alice);
        staking.leave(work, _list(address(deadReward)));
        _unstake(alice, 400);
        assertEq(staking.totalStakeOf(work), 0);
        vm.expectRevert(bytes("dead"));
        vm.prank(alice);
        staking.withdraw(exit, alice);
        vm.expectRevert(bytes("dead"));
        _claim(alice, address(deadReward));
        (uint256 amount,) = staking.coolingOf(alice, exit);
        assertEq(amount, 600);
        assertGt(staking.claimableOf(alice, work, address(deadReward)), 0);
    }

    /// @dev Many funded tokens cost a backer nothing; the most joined ones, put off for the longest, have a bound.
    function test_JunkTokensDoNotWeighOnStakes() public {
        _stake(alice, 1000, COIN);
        _stake(bob, 1000, COIN);
        uint256 before = _gasOfUnstake(alice);
        for (uint256 i; i < 20; ++i) {
            TestToken junk = new TestToken();
            junk.mint(address(this), 1000);
            junk.approve(address(staking), 1000);
            _fund(address(junk), 1000, 1 days + i * 10 days);
        }
        uint256 afterwards = _gasOfUnstake(bob);
        assertApproxEqAbs(afterwards, before, 30_000, "junk weighs");
    }

    function test_SettlingHasABound() public {
        vm.prank(alice);
        staking.stake(work, 1000, _many(8));
        for (uint256 i; i < 8; ++i) {
            address junk = _many(8)[i];
            vm.etch(junk, address(reward).code);
            TestToken(junk).mint(address(this), 2000);
            TestToken(junk).approve(address(staking), 2000);
            _fund(junk, 1000, 365 days);
            _fund(junk, 1000, 100 days);
        }
        skip(800 days);
        uint256 used = _gasOfUnstake(alice);
        assertLt(used, 1_800_000);
        for (uint256 i; i < 8; ++i) {
            assertEq(staking.streamOf(work, _many(8)[i]).undripped, 0);
        }
    }

    function test_RevertWhen_UnstakedTooMuchOrNothing() public {
        _stake(alice, 10, COIN);
        _stake(bob, 10, COIN);
        vm.expectRevert(abi.encodeWithSelector(IStaking.StakeTooSmall.selector, alice, work, 10, 11));
        _unstake(alice, 11);
        vm.expectRevert(IStaking.AmountZero.selector);
        _unstake(alice, 0);
        vm.expectRevert(abi.encodeWithSelector(IStaking.StakeTooSmall.selector, alice, other, 0, 1));
        vm.prank(alice);
        staking.unstake(other, 1);
    }

    /// @dev In parts, whenever: the last part is never ready before the whole would have been, or the whole was under a
    /// limit that the parts together did not pass.
    function testFuzz_UnstakeInParts(uint256 whole, uint256 seed, uint8 count) public {
        whole = bound(whole, 1, 3000 * UNIT);
        _stake(alice, whole, COIN);
        uint64 atOnce = uint64(block.timestamp) + staking.cooldownOf(alice, whole);
        uint256 left = whole;
        uint64 last;
        for (uint256 i; i < bound(count, 1, 12) && left > 1; ++i) {
            uint256 part = bound(uint256(keccak256(abi.encode(seed, i))), 1, left - 1);
            (, last) = _unstake(alice, part);
            left -= part;
            skip(uint256(keccak256(abi.encode(i, seed))) % 6 hours);
        }
        (, last) = _unstake(alice, left);
        assertGe(last, atOnce);
        assertEq(staking.stakeOf(alice, work), 0);
    }

    function testFuzz_Unstake(uint256 staked, uint256 amount) public {
        staked = bound(staked, 1, 1e24);
        amount = bound(amount, 1, staked);
        _stake(alice, staked, COIN);
        _assertWait(amount, amount < 100 * UNIT ? 0 : amount <= 1000 * UNIT ? 24 hours : 72 hours);
        assertEq(staking.stakeOf(alice, work), staked - amount);
        assertEq(staking.streamOf(work, COIN).stake, staked - amount);
    }

    function _assertWait(uint256 amount, uint256 expected) private {
        assertEq(staking.cooldownOf(alice, amount), expected);
        (, uint64 readyAt) = _unstake(alice, amount);
        assertEq(readyAt, block.timestamp + expected);
    }

    function _gasOfUnstake(address account) private returns (uint256 used) {
        vm.cool(address(staking));
        vm.startPrank(account);
        used = gasleft();
        staking.unstake(work, 1);
        used -= gasleft();
        vm.stopPrank();
    }

    // ------------------------------------------------------------------------------------------------------- withdraw

    function test_Withdraw() public {
        _stake(alice, 5000 * UNIT, COIN);
        (uint64 exit, uint64 readyAt) = _unstake(alice, 2000 * UNIT);
        vm.warp(readyAt - 1);
        vm.expectRevert(abi.encodeWithSelector(IStaking.ExitNotReady.selector, exit, readyAt));
        vm.prank(alice);
        staking.withdraw(exit, carol);
        vm.warp(readyAt);
        uint256 before = token.balanceOf(carol);
        vm.expectEmit();
        emit IStaking.Withdrawn(5, alice, exit, carol, 2000 * UNIT);
        vm.prank(alice);
        assertEq(staking.withdraw(exit, carol), 2000 * UNIT);
        assertEq(token.balanceOf(carol), before + 2000 * UNIT);
        (uint256 amount, uint64 ready) = staking.coolingOf(alice, exit);
        assertEq(amount, 0);
        assertEq(ready, 0);
    }

    function test_WithdrawInAnyOrder() public {
        _stake(alice, 300, COIN);
        (uint64 first,) = _unstake(alice, 100);
        (uint64 second,) = _unstake(alice, 200);
        vm.startPrank(alice);
        assertEq(staking.withdraw(second, alice), 200);
        assertEq(staking.withdraw(first, alice), 100);
        assertEq(token.balanceOf(address(staking)), 0);
    }

    function test_WithdrawElsewhereWhenTheTokenRefusesTheAccount() public {
        BlockingToken odd = new BlockingToken();
        staking = _deploy(address(odd));
        odd.mint(alice, 1000);
        vm.startPrank(alice);
        odd.approve(address(staking), 1000);
        staking.stake(work, 1000, new address[](0));
        odd.setBlocked(alice, true);
        (uint64 exit,) = staking.unstake(work, 1000);
        skip(72 hours);
        vm.expectRevert(bytes("blocked"));
        staking.withdraw(exit, alice);
        assertEq(staking.withdraw(exit, carol), 1000);
    }

    function test_RevertWhen_ExitIsUnknownPaidOrAnothers() public {
        _stake(alice, 100, COIN);
        (uint64 exit,) = _unstake(alice, 100);
        vm.expectRevert(abi.encodeWithSelector(IStaking.ExitUnknown.selector, bob, exit));
        vm.prank(bob);
        staking.withdraw(exit, bob);
        vm.startPrank(alice);
        staking.withdraw(exit, alice);
        vm.expectRevert(abi.encodeWithSelector(IStaking.ExitUnknown.selector, alice, exit));
        staking.withdraw(exit, alice);
    }

    function test_RevertWhen_ReceiverIsInvalid() public {
        _stake(alice, 100, COIN);
        (uint64 exit,) = _unstake(alice, 50);
        _fund(COIN, 1000, 1 days);
        skip(10 days);
        vm.startPrank(alice);
        address[2] memory receivers = [address(0), address(staking)];
        for (uint256 i; i < receivers.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IStaking.ReceiverInvalid.selector, receivers[i]));
            staking.withdraw(exit, receivers[i]);
            vm.expectRevert(abi.encodeWithSelector(IStaking.ReceiverInvalid.selector, receivers[i]));
            staking.claimYield(work, COIN, receivers[i]);
        }
    }

    function testFuzz_Withdraw(uint256 amount, uint256 wait) public {
        amount = bound(amount, 1, 5000 * UNIT);
        wait = bound(wait, 0, 100 hours);
        _stake(alice, amount, COIN);
        (uint64 exit, uint64 readyAt) = _unstake(alice, amount);
        skip(wait);
        vm.prank(alice);
        if (block.timestamp < readyAt) vm.expectPartialRevert(IStaking.ExitNotReady.selector);
        staking.withdraw(exit, alice);
        assertEq(token.balanceOf(address(staking)), block.timestamp < readyAt ? amount : 0);
    }

    // --------------------------------------------------------------------------------------------------- join and leave

    function test_JoinAndLeave() public {
        vm.prank(alice);
        staking.stake(work, 100, new address[](0));
        _fund(address(reward), 1400, 1 days);
        skip(1 days);
        vm.expectEmit();
        emit IStaking.Joined(4, work, alice, address(reward));
        vm.prank(alice);
        staking.join(work, _list(address(reward)));
        skip(1 days);
        vm.expectEmit();
        emit IStaking.Left(5, work, alice, address(reward));
        vm.prank(alice);
        staking.leave(work, _list(address(reward)));
        skip(1 days);
        assertEq(staking.claimableOf(alice, work, address(reward)), 200, "a seventh");
        assertEq(staking.streamOf(work, address(reward)).stake, 0);
        assertEq(staking.tokensOf(alice, work).length, 0);
        assertEq(_claim(alice, address(reward)), 200);
        _assertSum(address(reward), 200);
        vm.prank(alice);
        staking.join(work, _list(address(reward)));
        skip(30 days);
        assertEq(_claim(alice, address(reward)), 1200, "the rest");
        _assertSum(address(reward), 1400);
    }

    function test_LeaveAnyOfMany() public {
        for (uint256 gone; gone < 8; ++gone) {
            vm.startPrank(alice);
            staking.stake(work, 1, _many(8));
            staking.leave(work, _list(_many(8)[gone]));
            address[] memory left = staking.tokensOf(alice, work);
            assertEq(left.length, 7);
            uint256 sum;
            for (uint256 i; i < 7; ++i) {
                assertNotEq(left[i], _many(8)[gone]);
                sum += uint160(left[i]) - 0xbad0000;
            }
            assertEq(sum, 28 - gone);
            vm.stopPrank();
        }
    }

    function test_JoinBeforeStaking() public {
        vm.prank(alice);
        staking.join(work, _list(COIN));
        _fund(COIN, 7 ether, 7 days);
        skip(3 days);
        assertEq(staking.streamOf(work, COIN).undripped, 7 ether * PARTS / 7 days * 7 days);
        vm.prank(alice);
        staking.stake(work, 1, new address[](0));
        skip(7 days);
        assertEq(staking.claimableOf(alice, work, COIN), 7 ether);
    }

    function test_RevertWhen_LeavingWhatIsNotJoined() public {
        _stake(alice, 1, COIN);
        vm.startPrank(alice);
        vm.expectRevert(abi.encodeWithSelector(IStaking.NotJoined.selector, alice, other, COIN));
        staking.leave(other, _list(COIN));
        vm.expectRevert(abi.encodeWithSelector(IStaking.NotJoined.selector, alice, work, COIN));
        staking.leave(work, new address[](2));
        staking.leave(work, _list(COIN));
    }

    function testFuzz_JoinAndLeave(uint128 a, uint128 b, uint32 from, uint32 to) public {
        (a, b) = (uint128(bound(a, 1, 1e30)), uint128(bound(b, 1, 1e30)));
        (from, to) = (uint32(bound(from, 0, 10 days)), uint32(bound(to, 0, 10 days)));
        _stake(bob, b, COIN);
        vm.prank(alice);
        staking.stake(work, a, new address[](0));
        _fund(COIN, 1e24, 30 days);
        skip(from);
        vm.prank(alice);
        staking.join(work, _list(COIN));
        skip(to);
        vm.prank(alice);
        staking.leave(work, _list(COIN));
        skip(60 days);
        uint256 rate = uint256(1e24) * PARTS / 35 days;
        uint256 expected = rate * to / PARTS * a / (uint256(a) + b);
        assertApproxEqRel(staking.claimableOf(alice, work, COIN), expected, 1e12, "its part of its time");
        _assertSum(COIN, 0);
    }

    // ------------------------------------------------------------------------------------------------------ fundYield

    function test_FundNative() public {
        vm.expectEmit();
        emit IStaking.YieldFunded(2, work, COIN, address(this), 1 ether, 14 days);
        assertEq(staking.fundYield{value: 1 ether}(work, COIN, 1 ether, 8 days), 1 ether);
        IStaking.StreamState memory stream = staking.streamOf(work, COIN);
        assertEq(stream.funded, 1 ether);
        assertEq(stream.rate, 1 ether * PARTS / 14 days);
        assertEq(stream.undripped, stream.rate * 14 days);
        assertEq(stream.carried, 1 ether * PARTS % 14 days);
        assertEq(stream.stake, 0);
        assertEq(stream.index, 0);
        assertEq(stream.clock, 0);
    }

    function test_FundRoundsUpToAWeekOfTheClock() public {
        _stake(alice, 1, COIN);
        _fund(COIN, 1 ether, 21 days);
        skip(6 days + 1);
        vm.expectEmit();
        emit IStaking.YieldFunded(5, work, COIN, address(this), 1, 8 days - 1);
        _fund(COIN, 1, 1 days);
        vm.expectEmit();
        emit IStaking.YieldFunded(6, work, COIN, address(this), 1, 372 days - 1);
        _fund(COIN, 1, 365 days);
    }

    function test_FundCountsWhatArrives() public {
        FeeToken odd = new FeeToken();
        odd.mint(address(this), 1000);
        odd.approve(address(staking), 1000);
        assertEq(staking.fundYield(work, address(odd), 1000, 1 days), 990);
        assertEq(staking.streamOf(work, address(odd)).funded, 990);
        _stake(alice, 1, address(odd));
        skip(7 days);
        assertEq(_claim(alice, address(odd)), 990);
        assertEq(odd.balanceOf(address(staking)), 0);
    }

    function test_FundTokenWithoutReturnValue() public {
        NoReturnToken odd = new NoReturnToken();
        odd.mint(address(this), 1000);
        odd.approve(address(staking), 1000);
        assertEq(staking.fundYield(work, address(odd), 1000, 1 days), 1000);
        _stake(alice, 1, address(odd));
        skip(7 days);
        assertEq(_claim(alice, address(odd)), 1000);
        assertEq(odd.balanceOf(alice), 1000);
    }

    function test_FundCannotBeCountedTwiceByReentering() public {
        HookToken odd = new HookToken();
        odd.mint(address(odd), 1000);
        odd.mint(address(this), 1000);
        vm.prank(address(odd));
        odd.approve(address(staking), 1000);
        odd.arm(address(staking), abi.encodeCall(staking.fundYield, (work, address(odd), 1000, 1 days)));
        odd.approve(address(staking), 1000);
        _fund(address(odd), 1000, 1 days);
        assertFalse(odd.succeeded());
        assertEq(staking.streamOf(work, address(odd)).funded, 1000);
    }

    function test_StakesAndYieldInTheStakeTokenAreKeptApart() public {
        _stake(alice, 1000, address(token));
        _fund(address(token), 7000, 7 days);
        assertEq(staking.totalStakeOf(work), 1000);
        skip(30 days);
        assertEq(_claim(alice, address(token)), 7000);
        assertEq(token.balanceOf(address(staking)), 1000);
        vm.expectRevert(abi.encodeWithSelector(IStaking.NothingToClaim.selector, alice, work, address(token)));
        _claim(alice, address(token));
        (uint64 exit,) = _unstake(alice, 1000);
        vm.prank(alice);
        staking.withdraw(exit, alice);
        assertEq(token.balanceOf(address(staking)), 0);
    }

    /// @dev However small or large another's funding, in whatever order: the first drips as it was meant to.
    function test_OthersFundingsNeitherStretchNorHasten() public {
        _stake(alice, 1000, COIN);
        _fund(COIN, 28 ether, 28 days);
        _fund(COIN, 1, 365 days);
        _fund(COIN, 7 ether, 1 days);
        skip(7 days);
        assertApproxEqAbs(staking.claimableOf(alice, work, COIN), 14 ether, 1);
        _fund(COIN, 1, 1 days);
        skip(7 days);
        assertApproxEqAbs(staking.claimableOf(alice, work, COIN), 21 ether, 2);
        skip(14 days);
        assertApproxEqAbs(staking.claimableOf(alice, work, COIN), 35 ether, 2);
        skip(365 days);
        assertEq(staking.claimableOf(alice, work, COIN), 35 ether + 1, "the last unit does not divide");
        _assertSum(COIN, 0);
    }

    function test_TheClockStopsWhileNobodyTakesPart() public {
        _fund(COIN, 28 ether, 28 days);
        skip(100 days);
        assertEq(staking.streamOf(work, COIN).clock, 0);
        _stake(alice, 1000, COIN);
        skip(7 days);
        _unstake(alice, 1000);
        uint256 undripped = staking.streamOf(work, COIN).undripped;
        assertEq(undripped, staking.streamOf(work, COIN).rate * 21 days);
        skip(400 days);
        assertEq(staking.streamOf(work, COIN).undripped, undripped);
        assertEq(staking.claimableOf(alice, work, COIN), 7 ether);
        _stake(bob, 5, COIN);
        skip(21 days);
        assertEq(staking.streamOf(work, COIN).undripped, 0);
        assertEq(staking.claimableOf(alice, work, COIN), 7 ether, "no yield without stake");
        assertEq(staking.claimableOf(bob, work, COIN), 21 ether - 1, "a carried part is left");
        assertEq(staking.streamOf(work, COIN).clock, 28 days);
        skip(10 days);
        assertEq(staking.streamOf(work, COIN).clock, 28 days, "dry");
        _assertSum(COIN, 0);
    }

    function test_FundAfterAStreamRanDry() public {
        _stake(alice, 1000, COIN);
        _fund(COIN, 7 ether, 7 days);
        skip(20 days);
        _fund(COIN, 7 ether, 7 days);
        assertEq(staking.claimableOf(alice, work, COIN), 7 ether);
        skip(1 days);
        assertEq(staking.claimableOf(alice, work, COIN), 8 ether);
        skip(6 days);
        assertEq(staking.streamOf(work, COIN).clock, 14 days);
        _assertSum(COIN, 0);
    }

    /// @dev A stake so large that little can be divided: parts are carried, and later they come.
    function test_RemaindersAreCarried() public {
        token.mint(carol, type(uint128).max / 2);
        _stake(carol, type(uint128).max / 2, COIN);
        _fund(COIN, 1, 1 days);
        skip(7 days);
        assertEq(staking.accruedOf(carol, work, COIN), 0);
        assertEq(staking.streamOf(work, COIN).carried, PARTS);
        _unstake(carol, type(uint128).max / 2);
        _stake(alice, 1, COIN);
        assertEq(staking.claimableOf(alice, work, COIN), 0, "dry: it waits");
        _fund(COIN, 1, 1 days);
        skip(7 days);
        assertEq(_claim(alice, COIN), 2);
        _assertSum(COIN, 2);
    }

    function test_RevertWhen_DurationIsOutOfBounds() public {
        vm.expectRevert(abi.encodeWithSelector(IStaking.DurationOutOfBounds.selector, 1 days - 1, 1 days, 365 days));
        _fund(COIN, 1, 1 days - 1);
        vm.expectRevert(abi.encodeWithSelector(IStaking.DurationOutOfBounds.selector, 365 days + 1, 1 days, 365 days));
        _fund(COIN, 1, 365 days + 1);
    }

    function test_RevertWhen_FundedForAnUnknownAsset() public {
        vm.expectRevert();
        staking.fundYield{value: 1}(99, COIN, 1, 1 days);
    }

    function test_RevertWhen_ValueDiffers() public {
        vm.expectRevert(abi.encodeWithSelector(IStaking.ValueMismatch.selector, 1, 2));
        staking.fundYield{value: 1}(work, COIN, 2, 1 days);
        vm.expectRevert(abi.encodeWithSelector(IStaking.ValueMismatch.selector, 1, 0));
        staking.fundYield{value: 1}(work, address(reward), 2, 1 days);
        vm.expectRevert();
        payable(address(staking)).transfer(1);
    }

    function test_RevertWhen_FundedWithNothing() public {
        vm.expectRevert(IStaking.AmountZero.selector);
        _fund(COIN, 0, 1 days);
        vm.expectRevert(IStaking.AmountZero.selector);
        _fund(address(reward), 0, 1 days);
    }

    /// @dev The sum of fundings, also of those that were claimed, has a bound, so that nothing that follows overflows:
    /// not even with the least stake.
    function test_RevertWhen_FundingsAreTooLarge() public {
        reward.mint(address(this), type(uint128).max);
        _stake(alice, 1, address(reward));
        _fund(address(reward), type(uint128).max, 1 days);
        vm.expectRevert();
        _fund(address(reward), 1, 1 days);
        skip(7 days);
        assertEq(staking.claimableOf(alice, work, address(reward)), type(uint128).max);
        _unstake(alice, 1);
        assertEq(_claim(alice, address(reward)), type(uint128).max);
        _assertSum(address(reward), type(uint128).max);
    }

    function test_RevertWhen_FundedInNoToken() public {
        vm.expectRevert();
        _fund(address(0xdead), 1, 1 days);
    }

    /// @dev At every moment a funding has dripped the even part of itself, beside any other.
    function testFuzz_FundYield(uint96 first, uint96 second, uint256 days1, uint256 days2, uint32 gap, uint32 time)
        public
    {
        first = uint96(bound(first, 1, 1e28));
        second = uint96(bound(second, 1, 1e28));
        (days1, days2) = (bound(days1, 1 days, 365 days), bound(days2, 1 days, 365 days));
        (gap, time) = (uint32(bound(gap, 0, 400 days)), uint32(bound(time, 0, 800 days)));
        _stake(alice, 1000, COIN);
        _fund(COIN, first, days1);
        skip(gap);
        uint256 length1 = (days1 + 7 days - 1) / 7 days * 7 days;
        uint256 clock = gap < length1 ? gap : length1;
        _fund(COIN, second, days2);
        uint256 length2 = (clock + days2 + 7 days - 1) / 7 days * 7 days - clock;
        skip(time);
        uint256 done1 = clock + time < length1 ? clock + time : length1;
        uint256 done2 = time < length2 ? time : length2;
        uint256 expected = uint256(first) * done1 / length1 + uint256(second) * done2 / length2;
        assertApproxEqAbs(staking.claimableOf(alice, work, COIN), expected, 2);
        _assertSum(COIN, 0);
    }

    // ----------------------------------------------------------------------------------------------------- claimYield

    function test_ClaimYield() public {
        _stake(alice, 300, address(reward));
        _stake(bob, 100, address(reward));
        _fund(address(reward), 4001, 7 days);
        skip(7 days);
        assertEq(staking.claimableOf(alice, work, address(reward)), 3000);
        vm.expectEmit();
        emit IStaking.YieldClaimed(7, work, address(reward), alice, carol, 3000);
        uint256 before = reward.balanceOf(carol);
        vm.prank(alice);
        assertEq(staking.claimYield(work, address(reward), carol), 3000);
        assertEq(reward.balanceOf(carol), before + 3000);
        assertLt(staking.accruedOf(alice, work, address(reward)), PARTS, "the fraction stays");
        assertGt(staking.accruedOf(alice, work, address(reward)), 0);
        assertEq(_claim(bob, address(reward)), 1000);
        _assertSum(address(reward), 4000);
    }

    function test_FractionsGrowOn() public {
        _stake(alice, 1, COIN);
        _stake(bob, 2, COIN);
        uint256 taken;
        for (uint256 i; i < 30; ++i) {
            _fund(COIN, 10, 7 days);
            skip(7 days);
            taken += _claim(alice, COIN);
        }
        assertEq(taken, 100, "a third of 300: ten are not a multiple of three");
        assertEq(_claim(bob, COIN), 200);
        _assertSum(COIN, 300);
    }

    function test_ClaimAfterAllIsTakenOut() public {
        _stake(alice, 100, COIN);
        _fund(COIN, 7 ether, 7 days);
        skip(7 days);
        _unstake(alice, 100);
        skip(100 days);
        assertEq(_claim(alice, COIN), 7 ether);
    }

    function test_ClaimElsewhereWhenTheAccountRefuses() public {
        Refuser refuser = new Refuser(alice);
        token.mint(address(refuser), 100);
        refuser.run(address(token), 0, abi.encodeCall(IERC20.approve, (address(staking), 100)));
        refuser.run(address(staking), 0, abi.encodeCall(staking.stake, (work, 100, _list(COIN))));
        _fund(COIN, 7 ether, 7 days);
        skip(7 days);
        bytes memory toItself = abi.encodeCall(staking.claimYield, (work, COIN, address(refuser)));
        vm.expectRevert();
        refuser.run(address(staking), 0, toItself);
        assertEq(staking.claimableOf(address(refuser), work, COIN), 7 ether);
        refuser.run(address(staking), 0, abi.encodeCall(staking.claimYield, (work, COIN, carol)));
        assertEq(carol.balance, 7 ether);
    }

    function test_ClaimCannotBeRepeatedByReentering() public {
        Reenterer thief = new Reenterer(alice);
        token.mint(address(thief), 100);
        Puppet(thief).run(address(token), 0, abi.encodeCall(IERC20.approve, (address(staking), 100)));
        thief.run(address(staking), 0, abi.encodeCall(staking.stake, (work, 100, _list(COIN))));
        _fund(COIN, 7 ether, 7 days);
        _fund(COIN, 70 ether, 70 days);
        skip(7 days);
        bytes memory again = abi.encodeCall(staking.claimYield, (work, COIN, address(thief)));
        thief.arm(address(staking), again);
        thief.run(address(staking), 0, again);
        assertEq(thief.tries(), 1);
        assertFalse(thief.succeeded());
        assertEq(address(thief).balance, 14 ether);
    }

    function test_RevertWhen_NothingToClaim() public {
        vm.expectRevert(abi.encodeWithSelector(IStaking.NothingToClaim.selector, alice, work, COIN));
        _claim(alice, COIN);
        _stake(alice, 100, COIN);
        _fund(COIN, 7, 7 days);
        skip(1 days - 1);
        vm.expectRevert(abi.encodeWithSelector(IStaking.NothingToClaim.selector, alice, work, COIN));
        _claim(alice, COIN);
        vm.expectRevert(abi.encodeWithSelector(IStaking.NothingToClaim.selector, bob, work, COIN));
        _claim(bob, COIN);
    }

    function test_RevertWhen_RewardTokenRefusesTheReceiver() public {
        BlockingToken odd = new BlockingToken();
        odd.mint(address(this), 1000);
        odd.approve(address(staking), 1000);
        _stake(alice, 100, address(odd));
        _fund(address(odd), 1000, 7 days);
        skip(7 days);
        odd.setBlocked(alice, true);
        vm.expectRevert(bytes("blocked"));
        _claim(alice, address(odd));
        vm.prank(alice);
        assertEq(staking.claimYield(work, address(odd), carol), 1000);
    }

    /// @dev Claims in between, and settlements by others, change what is paid in all by less than one unit.
    function testFuzz_ClaimInPartsIsClaimAtOnce(uint96 a, uint96 b, uint96 amount, uint256 seed) public {
        (a, b) = (uint96(bound(a, 1, 1e28)), uint96(bound(b, 1, 1e28)));
        amount = uint96(bound(amount, 1, 1e28));
        _stake(alice, a, COIN);
        _stake(bob, b, COIN);
        _stake(alice, 1, address(reward));
        _fund(COIN, amount, 30 days);
        uint256 state = vm.snapshotState();
        skip(10 * 4 days);
        uint256 atOnce = staking.claimableOf(alice, work, COIN);
        vm.revertToState(state);
        uint256 taken;
        uint256 bobs;
        for (uint256 i; i < 10; ++i) {
            skip(4 days);
            if (seed >> i & 1 == 1 && staking.claimableOf(alice, work, COIN) > 0) taken += _claim(alice, COIN);
            if (seed >> (16 + i) & 1 == 1 && staking.claimableOf(bob, work, COIN) > 0) bobs += _claim(bob, COIN);
        }
        taken += staking.claimableOf(alice, work, COIN);
        // A part is carried to the next settlement, and at the end at most what the stake cannot divide.
        assertApproxEqAbs(taken, atOnce, 1 + (uint256(a) + b) / PARTS);
    }

    /// @dev Nothing is lost and nothing made, whatever happens, to the part; and the mirror is the contract.
    function testFuzz_ClaimYieldKeepsTheSum(uint256 seed, uint96 amount) public {
        amount = uint96(bound(amount, 1, 1e28));
        uint256 taken;
        address[3] memory accounts = [alice, bob, carol];
        _fund(COIN, amount, 1 days + seed % 300 days);
        for (uint256 i; i < 16; ++i) {
            uint256 dice = uint256(keccak256(abi.encode(seed, i)));
            address account = accounts[dice % 3];
            uint256 staked = staking.stakeOf(account, work);
            uint256 kind = (dice >> 8) % 4;
            if (kind == 0 || staked == 0) _stake(account, 1 + (dice >> 16) % 1e27, COIN);
            else if (kind == 1) _unstake(account, 1 + (dice >> 16) % staked);
            else if (kind == 2) _fund(COIN, 1 + (dice >> 16) % 1e20, 1 days);
            else if (staking.claimableOf(account, work, COIN) != 0) taken += _claim(account, COIN);
            _assertSum(COIN, taken);
            skip((dice >> 128) % 20 days);
            _assertSum(COIN, taken);
        }
    }
}

/// @notice The laws of the books under anything that anyone can do.
contract StakingInvariants is StakingBase {
    StakingMirror internal mirror;
    StakingHandler internal handler;

    function setUp() public override {
        super.setUp();
        mirror = new StakingMirror();
        vm.recordLogs();
        staking = _deploy(address(token));
        mirror.record(vm.getRecordedLogs(), address(staking), block.timestamp);
        handler = new StakingHandler(staking, token, reward, mirror);
        targetContract(address(handler));
    }

    /// @dev Law 17, with yield in the stake token kept apart.
    function invariant_StakesAreCovered() public view {
        for (uint256 asset = 1; asset <= 2; ++asset) {
            uint256 sum;
            for (uint256 i; i < 4; ++i) {
                sum += staking.stakeOf(handler.actors(i), asset);
            }
            assertEq(sum, staking.totalStakeOf(asset));
        }
        uint256 stakes = staking.totalStakeOf(1) + staking.totalStakeOf(2) + handler.cooling();
        for (uint256 i; i < 3; ++i) {
            address reward_ = handler.tokens(i);
            uint256 owed = handler.funded(1, reward_) + handler.funded(2, reward_) - handler.claimed(1, reward_)
                - handler.claimed(2, reward_);
            if (reward_ == address(token)) owed += stakes;
            uint256 held = reward_ == COIN ? address(staking).balance : IERC20(reward_).balanceOf(address(staking));
            assertEq(held, owed);
        }
    }

    /// @dev Law 18, to the part.
    function invariant_YieldIsConserved() public view {
        for (uint256 i; i < 6; ++i) {
            (uint256 asset, address reward_) = (1 + i / 3, handler.tokens(i % 3));
            IStaking.StreamState memory stream = staking.streamOf(asset, reward_);
            uint256 sum = handler.claimed(asset, reward_) * PARTS + stream.undripped + stream.carried;
            for (uint256 j; j < 4; ++j) {
                sum += staking.accruedOf(handler.actors(j), asset, reward_);
            }
            assertEq(sum, stream.funded * PARTS);
            assertEq(stream.funded, handler.funded(asset, reward_));
        }
    }

    /// @dev Law 25: the events alone tell everything, now and as time passes.
    function invariant_EventsTellEverything() public {
        assertEq(mirror.seq(), staking.eventSeq());
        assertEq(mirror.stakeToken(), staking.STAKE_TOKEN());
        assertEq(mirror.registry(), staking.REGISTRY());
        assertEq(10 ** mirror.decimals(), staking.WHOLE());
        _assertMirrored();
        skip(3 days);
        _assertMirrored();
    }

    function _assertMirrored() private view {
        for (uint256 i; i < 6; ++i) {
            (uint256 asset, address reward_) = (1 + i / 3, handler.tokens(i % 3));
            IStaking.StreamState memory stream = staking.streamOf(asset, reward_);
            StakingMirror.Stream memory expected = mirror.at(asset, reward_, block.timestamp);
            assertEq(stream.funded, expected.funded, "funded");
            assertEq(stream.stake, expected.stake, "stake");
            assertEq(stream.carried, expected.carried, "carried");
            assertEq(stream.index, expected.index, "index");
            assertEq(stream.clock, expected.clock, "clock");
            assertEq(stream.undripped, mirror.undrippedAt(asset, reward_, block.timestamp), "undripped");
            assertEq(staking.totalStakeOf(asset), mirror.totalStakeOf(asset), "total");
            for (uint256 j; j < 4; ++j) {
                _assertAccount(handler.actors(j), asset, reward_);
            }
        }
        for (uint64 exit = 1; exit <= staking.eventSeq(); ++exit) {
            address owner = handler.exitOwner(exit);
            (uint256 amount, uint64 readyAt) = staking.coolingOf(owner, exit);
            (uint256 expectedAmount, uint256 expectedAt) = mirror.coolingOf(owner, exit);
            assertEq(amount, expectedAmount, "cooling");
            assertEq(readyAt, expectedAt, "ready");
        }
    }

    function _assertAccount(address account, uint256 asset, address reward_) private view {
        assertEq(staking.stakeOf(account, asset), mirror.stakeOf(account, asset), "stake of");
        assertEq(staking.tokensOf(account, asset), mirror.tokensOf(account, asset), "tokens");
        assertEq(
            staking.accruedOf(account, asset, reward_),
            mirror.accruedAt(account, asset, reward_, block.timestamp),
            "accrued"
        );
    }
}

/// @notice What whole transactions cost, intrinsic gas included.
/// forge-config: default.isolate = true
contract StakingGasTest is StakingBase {
    function test_Gas() public {
        _stake(bob, 1000 * UNIT, COIN);
        _stake(alice, 1000 * UNIT, COIN);
        vm.snapshotGasLastCall("gas", "stake, first, joining one token");
        _fund(COIN, 1 ether, 30 days);
        vm.snapshotGasLastCall("gas", "fundYield, native, first");
        skip(1 days);
        _stake(alice, 1000 * UNIT, COIN);
        vm.snapshotGasLastCall("gas", "stake, one token joined");
        skip(1 days);
        _unstake(alice, 10 * UNIT);
        skip(1 days);
        _unstake(alice, 10 * UNIT);
        vm.snapshotGasLastCall("gas", "unstake, one token joined");
        skip(1 days);
        _fund(COIN, 1 ether, 30 days);
        vm.snapshotGasLastCall("gas", "fundYield, native");
        skip(1 days);
        _claim(alice, COIN);
        vm.snapshotGasLastCall("gas", "claimYield, native");
        skip(3 days);
        (uint64 exit,) = _unstake(alice, 10 * UNIT);
        vm.prank(alice);
        staking.withdraw(exit, alice);
        vm.snapshotGasLastCall("gas", "withdraw stake");
    }
}
