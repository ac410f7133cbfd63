package txswitch_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	txswitch "switchyard/switch"
	"switchyard/switch/api"
	"switchyard/switch/incoming"
	"switchyard/switch/operator"
	"switchyard/switch/operator/client"
	"switchyard/switch/switchtest"
)

var (
	annToken, bobToken = strings.Repeat("n", 32), strings.Repeat("b", 32)
	everyRole          = operator.Roles()
	annAndBob          = []switchtest.Operator{
		{Name: "ann", Token: annToken, Roles: everyRole}, {Name: "bob", Token: bobToken, Roles: everyRole},
	}
)

// byTwo is a system that wants two people for everything that it may, with a sale that is in a file and what came back
// of it.
func byTwo(t *testing.T, rules string) (s *switchtest.System, sale api.Answer) {
	t.Helper()
	s = switchtest.Start(t, switchtest.Options{
		IssuerData: true, IssuerOut: true, Operators: annAndBob, Rules: rules,
		Configure: func(c *txswitch.Config) { c.Operator.TwoPeople = operator.Topics() },
	})
	request := switchtest.Authorize("k1", 1000)
	request.Op = api.OpSale
	sale = s.Do(request)
	wantApproved(t, sale, "00")
	day, err := s.API().Cutover(t.Context(), client.Cutover{Ahead: true})
	if err != nil || len(day.Files) != 1 {
		t.Fatal(day, err)
	}
	comesBack(t, s, goesOut(t, s, day.Files[0].IPM))
	return s, sale
}

// chargedBack has the issuer charge a sale back, and returns the dispute that it opens.
func chargedBack(t *testing.T, s *switchtest.System, sale api.Answer) (id string) {
	t.Helper()
	p, err := s.API().Payment(t.Context(), sale.Payment)
	if err != nil {
		t.Fatal(err)
	}
	tell(t, s, "/v1/clearing/chargebacks", fmt.Sprintf(`{"arn":%q,"reason":"4853"}`, p.Ops[0].ARN))
	var window struct {
		Files []struct {
			FileID string `json:"file_id"`
		}
	}
	ended := tell(t, s, "/v1/clearing/window", "")
	if err := json.Unmarshal([]byte(ended), &window); err != nil || len(window.Files) != 1 {
		t.Fatal(window, err)
	}
	comesBack(t, s, window.Files[0].FileID)
	err = s.API().EachDispute(t.Context(), "open", "", func(d *incoming.Dispute) error { id = d.ID; return nil })
	if err != nil || id == "" {
		t.Fatal(id, err)
	}
	return id
}

// wantProposed expects that a call is proposed under a number.
func wantProposed(t *testing.T, err error, number int) {
	t.Helper()
	var proposed *client.ProposedError
	if !errors.As(err, &proposed) || proposed.Proposal.Number != number || proposed.Proposal.State != "open" {
		t.Fatalf("got %v, want proposal %d", err, number)
	}
}

// wantRefused expects that a call is refused with words.
func wantRefused(t *testing.T, err error, words string) {
	t.Helper()
	if why, refused := client.Refused(err); !refused || !strings.Contains(why, words) {
		t.Fatalf("got %v, want it refused with %q", err, words)
	}
}

// proposals lists all of them with their states.
func proposals(t *testing.T, s *switchtest.System) (all []string) {
	t.Helper()
	err := s.API().EachProposal(t.Context(), true, func(p *operator.Proposal) error {
		text := fmt.Sprintf("%d %s %s:", p.Number, p.What, p.State)
		for _, e := range p.Events {
			text += fmt.Sprintf(" %s by %s", e.Event, e.Who)
		}
		all = append(all, text)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// What one identity proposes another one carries out, with the same call, once, and over a crash; the same identity
// twice does not, whatever label it has.
func TestDisputesByTwo(t *testing.T) {
	ctx := t.Context()
	s, sale := byTwo(t, "")
	id := chargedBack(t, s, sale)
	ann, bob := s.APIAs(annToken), s.APIAs(bobToken)
	state := func(want string) *incoming.Dispute {
		t.Helper()
		d, err := ann.Dispute(ctx, id)
		if err != nil || d.State != want {
			t.Fatalf("the dispute is %+v (%v), want %s", d, err, want)
		}
		return d
	}
	_, err := ann.Represent(ctx, id, "2700", 1001, "")
	wantRefused(t, err, "only 1000") // what cannot be is not proposed
	_, err = ann.Represent(ctx, id, "2700", 0, "ann's desk")
	wantProposed(t, err, 1)
	_, err = ann.Represent(ctx, id, "2700", 0, "bob's desk")
	wantRefused(t, err, "the same identity twice is not two people")
	_, err = bob.Represent(ctx, id, "2701", 0, "") // another call
	wantProposed(t, err, 2)
	state("open")
	if _, err := bob.WithdrawProposal(ctx, 2); err != nil {
		t.Fatal(err)
	}
	_, err = bob.WithdrawProposal(ctx, 2)
	wantRefused(t, err, "proposal 2 is withdrawn")
	if _, err := bob.WithdrawProposal(ctx, 3); !client.NotFound(err) {
		t.Errorf("a proposal that there is not is withdrawn: %v", err)
	}
	_, err = ann.Represent(ctx, id, "2701", 0, "")
	wantProposed(t, err, 3) // what is withdrawn is not confirmed
	s.CrashSwitch()
	s.StartSwitch()
	ann, bob = s.APIAs(annToken), s.APIAs(bobToken)
	d, err := bob.Represent(ctx, id, "2700", 0, "night shift")
	if err != nil || d.State != "represented" || d.Steps[1].By != "ann and bob (night shift)" {
		t.Fatal(d, err)
	}
	_, err = bob.Represent(ctx, id, "2701", 0, "") // it could be once, and cannot any more
	wantRefused(t, err, "presented a second time already")
	want := []string{
		"1 disputes/represent confirmed: proposed by ann confirmed by bob",
		"2 disputes/represent withdrawn: proposed by bob withdrawn by bob",
		"3 disputes/represent confirmed: proposed by ann confirmed by bob",
	}
	if got := proposals(t, s); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if d := state("represented"); len(d.Steps) != 2 {
		t.Errorf("%+v", d.Steps)
	}
	var outcomes []string
	err = s.API().EachAct(ctx, 0, func(a *operator.Act) error {
		details, err := a.Read()
		if strings.HasPrefix(a.What, "disputes/") && details.Outcome != operator.ActBegun {
			outcomes = append(outcomes, a.Who+" "+details.Outcome)
		}
		return err
	})
	if want := []string{
		"ann refused", "ann proposed", "ann refused", "bob proposed", "ann proposed", "bob done", "bob refused",
	}; err != nil || !slices.Equal(outcomes, want) {
		t.Errorf("the acts are %q (%v), want %q", outcomes, err, want)
	}
}

// A chargeback is accepted, and a rejected presentment written off, by two.
func TestGivenUpByTwo(t *testing.T) {
	ctx := t.Context()
	s, sale := byTwo(t, "")
	id := chargedBack(t, s, sale)
	ann, bob := s.APIAs(annToken), s.APIAs(bobToken)
	_, err := ann.AcceptDispute(ctx, id, "")
	wantProposed(t, err, 1)
	if d, err := bob.AcceptDispute(ctx, id, ""); err != nil || d.State != "accepted" || d.Steps[1].By != "ann and bob" {
		t.Fatal(d, err)
	}
	_, err = ann.AcceptDispute(ctx, id, "")
	wantRefused(t, err, "accepted already")

	s, sale = byTwo(t, `clearing: [{name: no, when: {category: ["5999"]}, reject: {element: 26, code: "0150"}}]`)
	ann, bob = s.APIAs(annToken), s.APIAs(bobToken)
	_, err = ann.WriteOffReject(ctx, sale.Payment+"-0", "too old")
	wantProposed(t, err, 1)
	_, err = ann.WriteOffReject(ctx, sale.Payment+"-0", "too old")
	wantRefused(t, err, "the same identity twice is not two people")
	r, err := bob.WriteOffReject(ctx, sale.Payment+"-0", "too old")
	if err != nil || r.State != "written_off" {
		t.Fatal(r, err)
	}
	_, err = ann.WriteOffReject(ctx, sale.Payment+"-0", "too old")
	wantRefused(t, err, "is written_off and not rejected")
}

// Two people are wanted only where there are two who can be told apart.
func TestTwoPeopleNeedIdentities(t *testing.T) {
	identity := func(name, token string, roles ...operator.Role) string {
		hash := strings.Repeat(token, 64)
		return fmt.Sprintf("{name: %s, token_hash: sha256:%s, roles: [%s]}", name, hash, roles[0])
	}
	for _, c := range []struct{ text, says string }{
		{"two_people: [dispute]", "dispute: 0 of operator.identities have the role operate"},
		{"two_people: [file_release]", `"file_release": expected dispute, write_off, each once`},
		{
			"two_people: [write_off, write_off], identities: [" + identity("ann", "a", "approve") + ", " +
				identity("bob", "b", "approve") + "]", "each once",
		},
		{
			"two_people: [write_off], identities: [" + identity("ann", "a", "approve") + ", " + identity("bob", "b", "operate") +
				"]", "write_off: 1 of operator.identities have the role approve",
		},
		{
			"two_people: [write_off], identities: [" + identity("ann", "a", "approve") + ", " + identity("bob", "b", "approve") +
				"]", "",
		},
	} {
		_, err := txswitch.ParseConfig("switchd.yaml", []byte("operator: {"+c.text+"}"), nil)
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v, want %q", c.text, err, c.says)
		}
	}
}
