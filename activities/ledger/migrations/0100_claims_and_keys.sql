-- A claim gives no power over who holds a key of the id already: such a person is known to the operator, not to whoever
-- was the first to name the id. And officers of all parties are nobody's to claim.

-- migrate:up

alter table delegate_claims add column confirmed timestamptz;
comment on column delegate_claims.confirmed is 'When whoever owns the database said that the claim is right.';

-- Whether somebody held a key of an id before another's side claimed it, and nobody has confirmed that claim since.
create function holds_earlier_key(whose text) returns boolean
language sql stable security definer set search_path from current as $$
    select exists (
        select from delegate_claims c join api_keys k on k.principal = c.delegate and k.kind = 'delegate'
        where c.delegate = whose and c.claimed_by <> c.delegate and c.confirmed is null and k.created < c.claimed
    )
$$;

create function take_back_claim(whose text) returns void
language sql security definer set search_path from current as $$
    update delegate_claims set claimed_by = delegate where delegate = whose and holds_earlier_key(whose)
$$;

revoke execute on function holds_earlier_key, take_back_claim from public;
grant execute on function holds_earlier_key to entente_api, entente_writer;
grant execute on function take_back_claim to entente_writer;

-- As before; and a contact who held a key before another side claimed it takes itself back by its own act, and "officers",
-- who are of no side, are their own from when they are first named so.
create function claim_delegates(contact text, ids text[], apart text[], officers text[], in_accord text)
returns table (delegate text, claimed_by text) language plpgsql as $$
#variable_conflict use_column
declare
    side text;
begin
    -- Waits for whoever is claiming it right now, and is told then what came of that: each statement sees anew.
    insert into delegate_claims (delegate, claimed_by, accord) values (contact, contact, in_accord) on conflict do nothing;
    perform take_back_claim(contact);
    select c.claimed_by into strict side from delegate_claims c where c.delegate = contact;
    insert into delegate_claims (delegate, claimed_by, accord)
    select one, case when one = any (officers) then one else side end, in_accord
    from unnest(ids || officers) one order by one collate "C" on conflict do nothing;
    return query
        select c.delegate, c.claimed_by from delegate_claims c where c.delegate = any (ids) and c.claimed_by <> side
        union
        select contact, side from unnest(apart) other left join delegate_claims c on c.delegate = other
        where coalesce(c.claimed_by, other) = side;
end
$$;
grant execute on function claim_delegates(text, text[], text[], text[], text) to entente_writer;

-- Workers of before call it so, until they are replaced.
create or replace function claim_delegates(contact text, ids text[], apart text[], in_accord text)
returns table (delegate text, claimed_by text) language sql as $$
    select * from claim_delegates(contact, ids, apart, '{}', in_accord)
$$;

create or replace function unlink_account(account_issuer text, account_subject text, whose text) returns boolean
language sql security definer set search_path from current as $$
    with ended as (
        delete from federated_identities
        where (issuer, subject) = (account_issuer, account_subject)
            and (principal = whose or principal in (
                select delegate from delegate_claims where claimed_by = whose and not holds_earlier_key(delegate)))
        returning 1
    ) select exists (select from ended)
$$;

-- migrate:down

create or replace function unlink_account(account_issuer text, account_subject text, whose text) returns boolean
language sql security definer set search_path from current as $$
    with ended as (
        delete from federated_identities
        where (issuer, subject) = (account_issuer, account_subject)
            and (principal = whose or principal in (select delegate from delegate_claims where claimed_by = whose))
        returning 1
    ) select exists (select from ended)
$$;

create or replace function claim_delegates(contact text, ids text[], apart text[], in_accord text)
returns table (delegate text, claimed_by text) language plpgsql as $$
#variable_conflict use_column
declare
    side text;
begin
    insert into delegate_claims (delegate, claimed_by, accord) values (contact, contact, in_accord) on conflict do nothing;
    select c.claimed_by into strict side from delegate_claims c where c.delegate = contact;
    insert into delegate_claims (delegate, claimed_by, accord)
    select one, side, in_accord from unnest(ids) one order by one collate "C" on conflict do nothing;
    return query
        select c.delegate, c.claimed_by from delegate_claims c where c.delegate = any (ids) and c.claimed_by <> side
        union
        select contact, side from unnest(apart) other left join delegate_claims c on c.delegate = other
        where coalesce(c.claimed_by, other) = side;
end
$$;

drop function claim_delegates(text, text[], text[], text[], text);
drop function take_back_claim(text);
drop function holds_earlier_key(text);
alter table delegate_claims drop column confirmed;
