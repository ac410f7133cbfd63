package loadgen_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/internal/loadgen"
	"switchyard/switch/api"
)

// scripted answers each request by its number within the connection.
type scripted struct {
	n    int
	keys map[string]bool
}

func (s *scripted) Send(req *api.Request, done func(*api.Answer, error)) error {
	if fault := req.Validate(); fault != nil {
		panic(fault.Error())
	}
	if s.keys[req.Merchant+req.Key] {
		panic("a key is used twice")
	}
	s.keys[req.Merchant+req.Key] = true
	answers := []api.Answer{
		{Approved: true, ResponseCode: "00", Status: api.StatusAuthorized},
		{ResponseCode: "51", Status: api.StatusDeclined},
		{Status: api.StatusReversing},
		{Err: api.NewError(api.CodeBusy, "later")},
	}
	var err error
	i := s.n % 5
	s.n++
	if i == 4 {
		i, err = 0, errors.New("read tcp 127.0.0.1:50210->127.0.0.1:7583: connection reset by peer")
	}
	time.AfterFunc(time.Millisecond, func() { done(&answers[i], err) })
	return nil
}

func TestGatewayOutcomes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lanes := []loadgen.Gateway{&scripted{keys: map[string]bool{}}, &scripted{keys: map[string]bool{}}}
		target := loadgen.NewGatewayTarget(
			lanes, 100, loadgen.Payments{Op: api.OpAuthorize, Run: "r", Cards: loadgen.NewCards(time.Now()), Seed: 1},
		)
		res, err := loadgen.Run(t.Context(), loadgen.Options{
			Target: target, Lanes: 2, InFlight: 100, Rate: 1000, Fixed: true, Duration: time.Second,
		})
		if err != nil {
			t.Fatal(err)
		}
		near := func(what string, got uint64) {
			t.Helper()
			if got < 198 || got > 202 {
				t.Errorf("%s: %d, want about 200 of 1,000", what, got)
			}
		}
		near("approved", res.Approved)
		near("51", res.Declines["51"])
		near("reversing", res.Errors["reversing"])
		near("busy", res.Errors["busy"])
		near("reset", res.Errors["connection: connection reset by peer"])
	})
}

func TestPaymentsFollowFromTheirNumber(t *testing.T) {
	p := loadgen.Payments{Op: api.OpSale, Run: "r", Cards: loadgen.NewCards(time.Now()), Pool: 10, Seed: 1}
	cards := map[string]bool{}
	for n := range uint64(1000) {
		var a, b api.Request
		p.Fill(n, &a)
		p.Fill(n, &b)
		if a != b {
			t.Fatalf("request %d is not the same twice", n)
		}
		cards[a.Card.Number] = true
	}
	if len(cards) != 10 {
		t.Errorf("%d cards of a pool of 10", len(cards))
	}
}

func BenchmarkFill(b *testing.B) {
	p := loadgen.Payments{Op: api.OpAuthorize, Run: "r", Cards: loadgen.NewCards(time.Now())}
	var req api.Request
	b.ReportAllocs()
	for n := range uint64(b.N) {
		p.Fill(n, &req)
	}
}
