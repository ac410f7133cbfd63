package txswitch_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	txswitch "switchyard/switch"
	"switchyard/switch/api"
	dates "switchyard/switch/cutover"
	"switchyard/switch/incoming"
	"switchyard/switch/matching"
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

// byTwo is a system that wants two people for what is decided about presentments, with a sale that is in a file and
// what came back of it.
func byTwo(t *testing.T, rules string) (s *switchtest.System, sale api.Answer) {
	t.Helper()
	s = switchtest.Start(t, switchtest.Options{
		IssuerData: true, IssuerOut: true, Operators: annAndBob, Rules: rules,
		Configure: func(c *txswitch.Config) {
			c.Operator.TwoPeople = []operator.Topic{operator.TopicDispute, operator.TopicWriteOff}
		},
	})
	request := switchtest.Authorize("k1", 1000)
	request.Op = api.OpSale
	sale = s.Do(request)
	wantApproved(t, sale, "00")
	day, err := s.API().Cutover(t.Context(), client.Cutover{Ahead: true})
	if err != nil || len(day.Files) != 1 {
		t.Fatal(day, err)
	}
	s.ComesBack(s.GoesOut(day.Files[0].IPM))
	return s, sale
}

// chargedBack has the issuer charge a sale back, and returns the dispute that it opens.
func chargedBack(t *testing.T, s *switchtest.System, sale api.Answer) (id string) {
	t.Helper()
	p, err := s.API().Payment(t.Context(), sale.Payment)
	if err != nil {
		t.Fatal(err)
	}
	s.ChargeBack(p.Ops[0].ARN, "")
	s.ComesBack(s.EndIssuerWindow())
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

// A match by hand is made by two, and taken back by two: of the same items, in whatever order they are named.
func TestMatchedByTwo(t *testing.T) {
	ctx := t.Context()
	s := switchtest.Start(t, switchtest.Options{
		Operators: annAndBob, Configure: func(c *txswitch.Config) { c.Operator.TwoPeople = operator.Topics() },
	})
	ann, bob := s.APIAs(annToken), s.APIAs(bobToken)
	match := func(of ...string) *matching.Manual {
		m := matching.Manual{Relation: matching.Presented, Currency: "EUR", Reason: "keyed twice"}
		for _, ref := range of {
			m.Ours = append(m.Ours, matching.Item{Ref: ref, NetMinor: 500})
		}
		m.Theirs = []matching.Item{{Ref: "F/2", NetMinor: int64(len(of)) * 500}}
		return &m
	}
	wrong := match("P1-1")
	wrong.DifferenceMinor = 1
	_, err := ann.MatchManually(ctx, wrong)
	wantRefused(t, err, "the difference that is said is 0.01 EUR") // what cannot be is not proposed
	_, err = ann.MatchManually(ctx, match("P1-1", "P2-1"))
	wantProposed(t, err, 1)
	_, err = bob.MatchManually(ctx, match("P1-1", "P3-1")) // another second item is another match
	wantProposed(t, err, 2)
	_, err = bob.MatchManually(ctx, match("P1-1")) // and so is one of fewer
	wantProposed(t, err, 3)
	_, err = ann.MatchManually(ctx, match("P2-1", "P1-1"))
	wantRefused(t, err, "the same identity twice is not two people")
	e, err := bob.MatchManually(ctx, match("P2-1", "P1-1"))
	if err != nil || e.Match == nil || e.Match.Who != "ann and bob" || len(e.Match.Ours) != 2 {
		t.Fatal(e, err)
	}
	_, err = ann.MatchManually(ctx, match("P1-1", "P3-1")) // proposed when it could be
	wantRefused(t, err, "is in match 1 by hand already")
	_, err = ann.UndoMatch(ctx, 2, "wrong", "")
	wantRefused(t, err, "there is no match 2 by hand")
	_, err = ann.UndoMatch(ctx, 1, "wrong", "")
	wantProposed(t, err, 4)
	if e, err = bob.UndoMatch(ctx, 1, "wrong", "desk 2"); err != nil || e.Undo == nil || e.Undo.Who != "ann and bob" {
		t.Fatal(e, err)
	}
	want := []string{
		"1 reconciliations/match confirmed: proposed by ann confirmed by bob",
		"2 reconciliations/match confirmed: proposed by bob confirmed by ann",
		"3 reconciliations/match open: proposed by bob",
		"4 reconciliations/unmatch confirmed: proposed by ann confirmed by bob",
	}
	if got := proposals(t, s); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The files of a date go out when two identities have released them, and not before.
func TestFilesReleasedByTwo(t *testing.T) {
	ctx := t.Context()
	s := switchtest.Start(t, switchtest.Options{
		Operators: annAndBob, Configure: func(c *txswitch.Config) { c.Operator.TwoPeople = operator.Topics() },
	})
	request := switchtest.Authorize("k1", 1000)
	request.Op = api.OpSale
	wantApproved(t, s.Do(request), "00")
	day, err := s.API().Cutover(ctx, client.Cutover{Ahead: true})
	if err != nil || len(day.Files) != 0 || day.Unreleased != 1 {
		t.Fatalf("%+v, %v", day, err)
	}
	ann := s.APIAs(annToken)
	if _, err := ann.Release(ctx, "2001-01-01", dates.WindowName{}); !client.NotFound(err) {
		t.Errorf("a date that there is not: %v", err)
	}
	_, err = ann.Release(ctx, day.BusinessDate, dates.WindowName{})
	wantProposed(t, err, 1)
	_, err = ann.Release(ctx, day.BusinessDate, dates.WindowName{})
	wantRefused(t, err, "the same identity twice is not two people")
	s.CrashSwitch()
	s.StartSwitch()
	ann = s.APIAs(annToken)
	bob := s.APIAs(bobToken)
	released, err := bob.Release(ctx, day.BusinessDate, dates.WindowName{})
	if err != nil || len(released.Files) != 1 || released.Files[0].Records != 1 {
		t.Fatalf("%+v, %v", released, err)
	}
	if _, err := s.FS.Stat(released.Files[0].IPM); err != nil {
		t.Error(err)
	}
	_, err = ann.Release(ctx, day.BusinessDate, dates.WindowName{})
	wantRefused(t, err, "its files do not wait to be released")
	days, err := ann.Days(ctx)
	if err != nil || !strings.Contains(string(days[0].Data), `"by": "ann and bob"`) {
		t.Errorf("%+v, %v", days, err)
	}
}

// A journal that is put back to before its people released a date has the date wait, whose file is out: the review says
// so, what comes back of the file is booked, the date is not refused, and its release makes the same file.
func TestPutBackBeforeARelease(t *testing.T) {
	ctx := t.Context()
	s := switchtest.Start(t, switchtest.Options{
		IssuerData: true, IssuerOut: true, Operators: annAndBob,
		Configure: func(c *txswitch.Config) { c.Operator.TwoPeople = []operator.Topic{operator.TopicFileRelease} },
	})
	request := switchtest.Authorize("k1", 1000)
	request.Op = api.OpSale
	wantApproved(t, s.Do(request), "00")
	day, err := s.API().Cutover(ctx, client.Cutover{Ahead: true})
	if err != nil || day.Unreleased != 1 {
		t.Fatalf("%+v, %v", day, err)
	}
	s.StopSwitch()
	copyData(t, s, s.Config.Data, "earlier")
	s.StartSwitch()
	release := func(proposal int) string {
		t.Helper()
		_, err := s.APIAs(annToken).Release(ctx, day.BusinessDate, dates.WindowName{})
		wantProposed(t, err, proposal)
		released, err := s.APIAs(bobToken).Release(ctx, day.BusinessDate, dates.WindowName{})
		if err != nil || len(released.Files) != 1 || released.Files[0].Records != 1 {
			t.Fatalf("%+v, %v", released, err)
		}
		return released.Files[0].IPM
	}
	out := release(1)
	delivered := s.Contents(out)
	s.StopSwitch()
	putBackJournal(t, s)
	s.StartSwitch()
	r, err := s.API().Review(ctx, 0)
	if err != nil || !r.Held || len(r.Files) != 1 || !r.Files[0].Waits || r.Files[0].Presentments != 1 {
		t.Fatalf("review %+v, %v", r, err)
	}
	if err := s.API().Confirm(ctx, r.Token); err != nil {
		t.Fatal(err)
	}
	s.AwaitReady()
	if came := s.ComesBack(s.GoesOut(out)); came.Settled != 1 || came.Exceptions != 0 {
		t.Errorf("came back: %+v", came)
	}
	_, err = s.APIAs(annToken).Refuse(ctx, day.BusinessDate, "wrong")
	wantRefused(t, err, "stands in the clearing folder")
	if again := release(1); again != out || !bytes.Equal(s.Contents(again), delivered) {
		t.Errorf("released again is %s, and was %s", again, out)
	}
	s.Audit()
}

// A window's file goes out when two identities have released it, while its date is open. What it has is taken
// back by a record from when the window ends.
func TestWindowReleasedByTwo(t *testing.T) {
	ctx := t.Context()
	s := switchtest.Start(t, switchtest.Options{
		Operators: annAndBob, Configure: func(c *txswitch.Config) { c.Operator.TwoPeople = operator.Topics() },
	})
	sale := func(key string) string {
		t.Helper()
		request := switchtest.Authorize(key, 1000)
		request.Op = api.OpSale
		a := s.Do(request)
		wantApproved(t, a, "00")
		return a.Payment
	}
	kept, back := sale("k1"), sale("k2")
	ended, err := s.API().Cutover(ctx, client.Cutover{Window: "visa"})
	if err != nil || ended.Window != 1 || ended.Unreleased != 1 || len(ended.Files) > 0 {
		t.Fatalf("%+v, %v", ended, err)
	}
	wantApproved(t, s.Do(void("v2", back, back+"-0")), "") // a record takes it back
	of := dates.WindowName{Destination: "visa", Window: ended.Window}
	ann := s.APIAs(annToken)
	explained := func(says string) {
		t.Helper()
		stories, err := ann.Explain(ctx, kept)
		if text := fmt.Sprintf("%+v", stories); err != nil || !strings.Contains(text, says) {
			t.Errorf("%v; %s; want %q", err, text, says)
		}
	}
	explained("(waits for its release)")
	_, err = ann.Release(ctx, ended.BusinessDate, dates.WindowName{Destination: "visa", Window: 2})
	wantRefused(t, err, "the date has no such window")
	_, err = ann.Release(ctx, ended.BusinessDate, dates.WindowName{Destination: "visa"})
	if _, refused := client.Refused(err); err == nil || refused {
		t.Errorf("a window without its number: %v", err)
	}
	_, err = ann.Release(ctx, ended.BusinessDate, of)
	wantProposed(t, err, 1)
	s.CrashSwitch()
	s.StartSwitch()
	ann = s.APIAs(annToken)
	bob := s.APIAs(bobToken)
	s.Audit()
	released, err := bob.Release(ctx, ended.BusinessDate, of)
	if err != nil || released.Window != 1 || len(released.Files) != 1 || released.Files[0].Records != 2 {
		t.Fatalf("%+v, %v", released, err)
	}
	if _, err := s.FS.Stat(released.Files[0].IPM); err != nil {
		t.Error(err)
	}
	explained(", file " + released.Files[0].FileID + ", ARN")
	day, err := s.API().Cutover(ctx, client.Cutover{Ahead: true})
	if err != nil || len(day.Files) != 1 || day.Unreleased != 1 {
		t.Fatalf("%+v, %v", day, err)
	}
	_, err = ann.Release(ctx, day.BusinessDate, dates.WindowName{})
	wantProposed(t, err, 2)
	whole, err := bob.Release(ctx, day.BusinessDate, dates.WindowName{})
	if err != nil || len(whole.Files) != 2 || whole.Files[1].Records != 1 {
		t.Fatalf("%+v, %v", whole, err)
	}
	s.Audit()
}

// The files of a date that two identities refuse never go out: what stands in it does with the next date, once.
func TestFilesRefusedByTwo(t *testing.T) {
	ctx := t.Context()
	s := switchtest.Start(t, switchtest.Options{
		Operators: annAndBob, Configure: func(c *txswitch.Config) { c.Operator.TwoPeople = operator.Topics() },
		IssuerData: true, IssuerOut: true,
	})
	sale := func(key string) string {
		t.Helper()
		request := switchtest.Authorize(key, 1000)
		request.Op = api.OpSale
		a := s.Do(request)
		wantApproved(t, a, "00")
		return a.Payment
	}
	kept, back := sale("k1"), sale("k2")
	day, err := s.API().Cutover(ctx, client.Cutover{Ahead: true})
	if err != nil || day.Unreleased != 1 {
		t.Fatalf("%+v, %v", day, err)
	}
	wantApproved(t, s.Do(void("v2", back, back+"-0")), "")
	ann := s.APIAs(annToken)
	if _, err := ann.Refuse(ctx, "2001-01-01", "wrong"); !client.NotFound(err) {
		t.Errorf("a date that there is not: %v", err)
	}
	if _, err := ann.Refuse(ctx, day.BusinessDate, ""); err == nil || !strings.Contains(err.Error(), "reason") {
		t.Errorf("without a reason: %v", err)
	}
	_, err = ann.Refuse(ctx, day.BusinessDate, "wrong categories")
	wantProposed(t, err, 1)
	_, err = ann.Refuse(ctx, day.BusinessDate, "wrong categories")
	wantRefused(t, err, "the same identity twice is not two people")
	s.CrashSwitch()
	s.StartSwitch()
	s.Audit()
	ann, bob := s.APIAs(annToken), s.APIAs(bobToken)
	told, err := bob.Refuse(ctx, day.BusinessDate, "wrong categories")
	if err != nil || told.Refused.By != "ann and bob" || len(told.Refused.Files) != 1 ||
		told.Refused.Files[0].Records != 2 {
		t.Fatalf("%+v, %v", told, err)
	}
	_, err = ann.Release(ctx, day.BusinessDate, dates.WindowName{})
	wantRefused(t, err, "its files do not wait to be released")
	s.Audit()
	wantApproved(t, s.Do(void("v1", kept, kept+"-0")), "00") // the issuer's answer: it stands in no file
	last := sale("k3")
	s.AwaitDrained()
	next, err := s.API().Cutover(ctx, client.Cutover{Ahead: true})
	if err != nil || next.Unreleased != 1 {
		t.Fatalf("%+v, %v", next, err)
	}
	_, err = bob.Release(ctx, next.BusinessDate, dates.WindowName{})
	wantProposed(t, err, 2)
	released, err := ann.Release(ctx, next.BusinessDate, dates.WindowName{})
	if err != nil || len(released.Files) != 1 || released.Files[0].Records != 3 || released.Files[0].SumMinor != 3000 {
		t.Fatalf("%+v, %v", released, err) // k2, what takes it back, and k3
	}
	if r := s.ComesBack(s.GoesOut(released.Files[0].IPM)); r.Settled != 3 || r.Exceptions != 0 {
		t.Errorf("the answer: %+v", r)
	}
	if h := s.Do(switchtest.On(api.OpStatus, "", last, 0)).History; h[0].Presentment != "settled" {
		t.Errorf("%+v", h)
	}
	s.Audit()
}

// Two people are wanted only where there are two who can be told apart.
func TestTwoPeopleNeedIdentities(t *testing.T) {
	identity := func(name, token string, roles ...operator.Role) string {
		hash := strings.Repeat(token, 64)
		return fmt.Sprintf("{name: %s, token_hash: sha256:%s, roles: [%s]}", name, hash, roles[0])
	}
	for _, c := range []struct{ text, says string }{
		{"two_people: [file_release]", "file_release: 0 of operator.identities have the role approve"},
		{"two_people: [dispute]", "dispute: 0 of operator.identities have the role operate"},
		{"two_people: [files]", `"files": expected dispute, write_off, match, file_release, each once`},
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
