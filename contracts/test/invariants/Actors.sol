// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {BlockingToken, FeeToken, NoReturnToken} from "../mocks/OddTokens.sol";
import {Burner, Reenterer, Refuser, Wallet} from "../mocks/Receivers.sol";
import {Mirror} from "./Mirror.sol";

/// @notice Ten actors, four of them contracts that take payment badly or sign as contracts, and the currencies they pay
/// in: native coin, a plain token, one that returns nothing, one that blocks accounts, one that takes a fee.
abstract contract Actors is Mirror {
    uint256 internal constant ACTORS = 10;
    /// @dev More than any call needs; there are receivers that burn what they get.
    uint256 internal constant CALL_GAS = 3_000_000;

    address[] public actors;
    mapping(address actor => uint256) internal keys;
    address[5] public currencies;
    NoReturnToken internal noReturn;
    BlockingToken internal blocking;
    FeeToken internal feeTaking;
    /// @notice How often an action went through, by its name; see `test_EveryActionGoesThrough`.
    mapping(bytes32 action => uint256) public done;

    constructor() {
        vm.recordLogs();
        setUp();
        noReturn = new NoReturnToken();
        blocking = new BlockingToken();
        feeTaking = new FeeToken();
        currencies = [address(0), address(token), address(noReturn), address(blocking), address(feeTaking)];
        for (uint256 i; i < ACTORS; ++i) {
            (address actor, uint256 key) = makeAddrAndKey(vm.toString(i));
            if (i == 0) actor = address(new Refuser(actor));
            if (i == 1) actor = address(new Burner(actor));
            if (i == 2) actor = address(new Wallet(actor));
            if (i == 3) actor = address(new Reenterer(actor));
            actors.push(actor);
            keys[actor] = key;
            vm.deal(actor, 1e30);
            _approveAll(actor);
            _outfit(actor);
        }
        blocking.setBlocked(actors[0], true);
        _observe(vm.getRecordedLogs());
    }

    function _outfit(address actor) private {
        noReturn.mint(actor, 1e30);
        blocking.mint(actor, 1e30);
        feeTaking.mint(actor, 1e30);
        stakeToken.mint(actor, 1e30);
        token.mint(actor, 1e30);
        address[4] memory spenders = [address(market), address(payouts), address(licenceNft), address(staking)];
        vm.startPrank(actor);
        for (uint256 i; i < spenders.length; ++i) {
            noReturn.approve(spenders[i], type(uint256).max);
            blocking.approve(spenders[i], type(uint256).max);
            feeTaking.approve(spenders[i], type(uint256).max);
            stakeToken.approve(spenders[i], type(uint256).max);
            token.approve(spenders[i], type(uint256).max);
        }
        vm.stopPrank();
    }

    /// @dev Calls, and mirrors the logs if it went through; those of a call that reverts are recorded too, and dropped.
    function _try(bytes32 action, address from, address target, uint256 value, bytes memory data)
        internal
        returns (bool ok)
    {
        vm.recordLogs();
        vm.prank(from);
        (ok,) = target.call{value: value, gas: CALL_GAS}(data);
        if (!ok) return false;
        _observe(vm.getRecordedLogs());
        ++done[action];
    }

    /// @dev Breaks the law if the call goes through.
    function _refused(uint256 law, address from, address target, uint256 value, bytes memory data) internal {
        if (_try("refused", from, target, value, data)) _law(law, false);
    }

    /// @dev Breaks the law if the call does not go through.
    function _granted(uint256 law, bytes32 action, address from, address target, bytes memory data) internal {
        if (!_try(action, from, target, 0, data)) _law(law, false);
    }

    function _actor(uint256 seed) internal view returns (address) {
        return actors[seed % ACTORS];
    }

    function _asset(uint256 seed) internal view returns (uint256) {
        return seed % count + 1;
    }

    function _balance(address currency, address account) internal view returns (uint256) {
        if (currency == address(0)) return account.balance;
        (, bytes memory answer) = currency.staticcall(abi.encodeWithSignature("balanceOf(address)", account));
        return abi.decode(answer, (uint256));
    }
}
