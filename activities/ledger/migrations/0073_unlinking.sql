-- Whoever may revoke a delegate's keys may also end that an OpenID provider's account is that delegate.

-- migrate:up

create function unlink_account(account_issuer text, account_subject text, whose text) returns boolean
language sql security definer set search_path from current as $$
    with ended as (
        delete from federated_identities
        where (issuer, subject) = (account_issuer, account_subject)
            and (principal = whose or principal in (select delegate from delegate_claims where claimed_by = whose))
        returning 1
    ) select exists (select from ended)
$$;

revoke execute on function unlink_account from public;
grant execute on function unlink_account to entente_api;

-- migrate:down

drop function unlink_account;
