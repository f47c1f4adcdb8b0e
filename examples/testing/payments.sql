-- The schema that the tests beside this file are for. In your project it is made by your migrations.
create table payments (
  id int primary key,
  user_id uuid not null default auth.subject_uuid(),
  amount numeric not null
);
grant select, insert, update, delete on payments to anon, authenticated;

-- Users see and change their own payments. To change one, the second factor was verified in the last 15 minutes.
select auth.protect_table('payments', max_age => '15 minutes', owner_column => 'user_id');

create function refund(payment int) returns numeric language plpgsql security definer set search_path = '' as $$
declare
  amount numeric;
begin
  perform auth.require_aal('aal2', '5 minutes');
  delete from public.payments p where p.id = payment and p.user_id = auth.subject_uuid() returning p.amount into amount;
  return amount;
end
$$;
