package txswitch_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"switchyard/spec"
	txswitch "switchyard/switch"
	"switchyard/switch/api"
	"switchyard/switch/merchant"
	"switchyard/switch/switchtest"
)

// I5: 91 and 96 are no answer to a reversal: it goes on as an advice until the issuer acknowledges it, and nothing of
// what it releases can be captured meanwhile. Any other code declines it, and the hold stands.
func TestReversalThatTheIssuerCannotTakeNow(t *testing.T) {
	for _, c := range []struct {
		op     api.Op
		code   string
		want   string // what the issuer is sent in the end
		status api.Status
	}{
		{api.OpReverse, "91", "0400 0420", api.StatusReversing},
		{api.OpReverse, "96", "0400 0420", api.StatusReversing},
		{api.OpVoid, "91", "0420 0421", api.StatusReversing},
		{api.OpReverse, "12", "0400", api.StatusAuthorized},
	} {
		t.Run(c.op.String()+" "+c.code, func(t *testing.T) {
			var mu sync.Mutex
			var mtis []string
			address := startScripted(t, func(request, response *spec.Message) bool {
				mu.Lock()
				defer mu.Unlock()
				if request.MTI()[1] == '4' {
					if mtis = append(mtis, request.MTI()); len(mtis) == 1 {
						response.Set(39, c.code)
					}
				}
				return true
			})
			s := switchtest.Start(t, switchtest.Options{IssuerAddr: address})
			s.AwaitReady()
			a := s.Do(switchtest.Authorize("k1", 1000))
			wantApproved(t, a, "00")
			if c.op == api.OpVoid {
				wantApproved(t, s.Do(switchtest.On(api.OpCapture, "k2", a.Payment, 0)), "")
			}
			r := s.Do(switchtest.On(c.op, "k3", a.Payment, 0))
			if r.Err != nil || r.Approved != (c.status == api.StatusReversing) || r.Status != c.status {
				t.Errorf("%+v, error %v", r, r.Err)
			}
			s.AwaitDrained()
			mu.Lock()
			defer mu.Unlock()
			if got := strings.Join(mtis, " "); got != c.want {
				t.Errorf("the issuer received %s, want %s", got, c.want)
			}
		})
	}
}

// I5: 21 and 25 to a reversal of what the issuer approved end nothing: it is parked with an alarm, the gateway reads
// that it is not done, and a person has it sent again, as an advice under its own identity, or closes it.
func TestReversalOfWhatTheIssuerDoesNotFind(t *testing.T) {
	const (
		reversed = "reversed authorized 1000 released 1000 captured 0 refunded 0"
		standing = "authorized authorized 1000 released 0 captured 0 refunded 0"
	)
	for _, c := range []struct {
		op       api.Op
		root     api.Op
		code     string
		decision string
		want     string // what the issuer is sent in all
		sums     string // in the end
	}{
		{api.OpReverse, api.OpAuthorize, "25", "retry", "0400 0421", reversed},
		{api.OpReverse, api.OpAuthorize, "21", "close", "0400", reversed},
		{api.OpVoid, api.OpSale, "25", "retry", "0400 0421", reversed},
		{api.OpVoid, api.OpCapture, "25", "retry", "0420 0421", standing},
		{api.OpVoid, api.OpCapture, "25", "close", "0420", reversed},
	} {
		t.Run(c.op.String()+" of "+c.root.String()+" "+c.code+" "+c.decision, func(t *testing.T) {
			var mu sync.Mutex
			var mtis []string
			address := startScripted(t, func(request, response *spec.Message) bool {
				mu.Lock()
				defer mu.Unlock()
				if request.MTI()[1] == '4' {
					if mtis = append(mtis, request.MTI()); len(mtis) == 1 {
						response.Set(39, c.code)
					}
				}
				return true
			})
			s := switchtest.Start(t, switchtest.Options{IssuerAddr: address})
			s.AwaitReady()
			first := switchtest.Authorize("k1", 1000)
			if c.root == api.OpSale {
				first.Op = api.OpSale
			}
			a := s.Do(first)
			wantApproved(t, a, "00")
			if c.root == api.OpCapture {
				wantApproved(t, s.Do(switchtest.On(api.OpCapture, "k2", a.Payment, 0)), "")
			}
			undo := switchtest.On(c.op, "k3", a.Payment, 0)
			r := s.Do(undo)
			if r.Err != nil || !r.Approved || r.Status != api.StatusReversing || r.ResponseCode != "" {
				t.Errorf("%+v, error %v", r, r.Err)
			}
			if st := s.Switch.Stats(); st.SAF.Parked != 1 || st.SAF.Queued != 0 {
				t.Errorf("%+v", st.SAF)
			}
			if !strings.Contains(s.Logs.String(), "the issuer does not find what it approved") {
				t.Error("the log has no alarm")
			}
			var row struct {
				Host, Kind, Reason string
				Seq                uint64
			}
			s.Operator("GET", "/v1/saf?parked=true", &row)
			s.Operator("POST", fmt.Sprintf("/v1/saf/%s?host=%s&seq=%d", c.decision, row.Host, row.Seq), nil)
			s.AwaitDrained()
			wantSums(t, s.Do(switchtest.On(api.OpStatus, "", a.Payment, 0)), c.sums)
			again := s.Do(undo)
			if again.Err != nil || !again.Replayed || !again.Approved || again.ResponseCode != "" {
				t.Errorf("%+v, error %v", again, again.Err)
			}
			if n := s.Switch.Stats().SAF.Parked; n != 0 {
				t.Errorf("%d are parked", n)
			}
			mu.Lock()
			defer mu.Unlock()
			if got := strings.Join(mtis, " "); got != c.want {
				t.Errorf("the issuer received %s, want %s", got, c.want)
			}
		})
	}
}

// A merchant that is taken out of the merchants file keeps nothing from being reversed: a reversal says nothing of it.
func TestReversalOfAMerchantThatIsGone(t *testing.T) {
	profiles := []merchant.Profile{merchant.DefaultProfile()}
	profiles[0].ID = "M1"
	s := switchtest.Start(t, switchtest.Options{IssuerData: true, Configure: func(c *txswitch.Config) {
		c.Merchants.Unknown, c.Merchants.Profiles = "refuse", profiles
	}})
	a := s.Do(switchtest.Authorize("k1", 1000))
	wantApproved(t, a, "00")
	profiles[0].ID = "M2"
	s.StopSwitch()
	s.StartSwitch()
	wantApproved(t, s.Do(switchtest.On(api.OpReverse, "k2", a.Payment, 0)), "00")
	s.Audit()
}

// Nor does it keep a capture from reaching the issuer that was accepted before.
func TestCaptureOfAMerchantThatIsGone(t *testing.T) {
	profiles := []merchant.Profile{merchant.DefaultProfile()}
	profiles[0].ID = "M1"
	s := switchtest.Start(t, switchtest.Options{IssuerData: true, Configure: func(c *txswitch.Config) {
		c.Merchants.Unknown, c.Merchants.Profiles = "refuse", profiles
	}})
	a := s.Do(switchtest.Authorize("k1", 1000))
	wantApproved(t, a, "00")
	s.StopIssuer()
	wantApproved(t, s.Do(switchtest.On(api.OpCapture, "k2", a.Payment, 0)), "")
	profiles[0].ID = "M2"
	s.StopSwitch()
	s.StartSwitch()
	s.StartIssuer()
	s.AwaitReady()
	s.AwaitDrained()
	s.Audit()
}

// I3: a reversal by key of a sale has a key of its own, and another amount under it is another body.
func TestReversalByKeyWithAnotherBody(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{})
	sale := switchtest.Authorize("k1", 1000)
	sale.Op = api.OpSale
	wantApproved(t, s.Do(sale), "00")
	undo := api.Request{Op: api.OpReverse, Key: "r1", Merchant: "M1", OfKey: "k1", Present: api.Fields(
		api.FieldKey, api.FieldMerchant, api.FieldOfKey,
	)}
	part := undo
	part.Key, part.Amount, part.Present = "r2", 400, undo.Present.With(api.FieldAmount)
	wantError(t, s.Do(part), api.CodeInvalidField, "amount")
	wantSums(t, s.Do(undo), "reversed authorized 1000 released 1000 captured 0 refunded 0")
	part.Key = "r1"
	wantError(t, s.Do(part), api.CodeConflict, "key")
}
