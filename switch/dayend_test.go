package txswitch_test

import (
	"testing"

	"switchyard/spec"
	"switchyard/switch/api"
	"switchyard/switch/switchtest"
)

// Nothing that the gateway protocol takes keeps a business day from closing.
func TestWhateverIsTakenClears(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{})
	odd := map[string]func(*api.Request){
		"terminal":  func(r *api.Request) { r.Terminal = "T[1] |\\!" },
		"merchant":  func(r *api.Request) { r.Merchant = "M^1 {shop}~`\"" },
		"reference": func(r *api.Request) { r.Reference, r.Present = "a,\"b\"|[]^!\\", r.Present.With(api.FieldReference) },
		"sequence":  func(r *api.Request) { r.Card.Sequence = "1" },
		"eci": func(r *api.Request) {
			r.ThreeDS.ECI, r.Present = "0|", r.Present.With(api.FieldThreeDS)
		},
		"auth_code": func(r *api.Request) {
			r.Op, r.AuthCode, r.Present = api.OpCapture, "A-1 !x", r.Present.With(api.FieldAuthCode)
			r.Card.CVC = ""
		},
	}
	taken := 0 // the others are refused at once
	for name, change := range odd {
		r := switchtest.Authorize(name, 1000)
		r.Op = api.OpSale
		change(&r)
		a := s.Do(r)
		if a.Err != nil {
			continue
		}
		taken++
	}
	if files := cutover(t, s, false); len(files) != 1 || files[0].Records != taken {
		t.Fatalf("%d were taken, the file has %+v", taken, files)
	}
	s.Audit()
}

// Nor does anything that an issuer answers, if it can be read at all.
func TestWhateverIsAnsweredClears(t *testing.T) {
	for name, change := range map[string]func(r *spec.Message){
		"authorization code": func(r *spec.Message) { r.Set(38, "A-1 !x") },
		"network id": func(r *spec.Message) {
			r.SetBytes(48, spec.AppendTLV(nil, spec.TagNetworkID, "[NET]|\\^!~ 12345"))
		},
		"no code": func(r *spec.Message) { r.Unset(38) },
		"an approval of nothing": func(r *spec.Message) {
			r.Set(39, "10")
			r.SetUint(4, 0, 12)
		},
	} {
		t.Run(name, func(t *testing.T) {
			address := startScripted(t, func(request, response *spec.Message) bool {
				if request.MTI() == "0200" {
					change(response)
				}
				return true
			})
			s := switchtest.Start(t, switchtest.Options{IssuerAddr: address})
			s.AwaitReady()
			r := switchtest.Authorize("k1", 1000)
			r.Op, r.Partial, r.Present = api.OpSale, true, r.Present.With(api.FieldPartial)
			a := s.Do(r)
			if a.Err != nil || a.Approved != (a.Captured > 0) || name == "an approval of nothing" &&
				a.Status != api.StatusDeclined {
				t.Fatalf("%+v, error %v", a, a.Err)
			}
			s.AwaitDrained()
			files := cutover(t, s, false)
			if len(files) != 1 || files[0].SumMinor != a.Captured {
				t.Fatalf("captured %d, the file has %+v", a.Captured, files)
			}
		})
	}
}
