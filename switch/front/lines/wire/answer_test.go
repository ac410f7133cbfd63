package wire_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"switchyard/switch/api"
	"switchyard/switch/front/lines/wire"
)

func TestAppendAnswer(t *testing.T) {
	at := time.Date(2026, 11, 21, 20, 26, 1, 45_678_901, time.FixedZone("", 3600))
	for _, c := range []struct {
		answer api.Answer
		want   string
	}{
		{api.Answer{Op: api.OpPing}, `{"id":null,"op":"ping"}`},
		{
			api.Answer{ID: "1", Op: api.OpSale, Err: api.FieldError("card.number", `say "x"`)},
			`{"id":"1","error":{"code":"invalid_field","field":"card.number","message":"say \"x\"","retry":false}}`,
		},
		{
			api.Answer{Err: api.NewError(api.CodeBusy, "later")},
			`{"id":null,"error":{"code":"busy","message":"later","retry":true}}`,
		},
		{
			api.Answer{ID: "7f3a", Op: api.OpAuthorize, Payment: "P10000000001", Status: api.StatusAuthorized, Approved: true,
				ResponseCode: "00", Reason: "approved", AuthCode: "A1B2C3", RRN: "632510000001", STAN: "000001", NetworkID: "N1",
				AVS: "Y", CVCResult: "M", Amount: 12345, Currency: "EUR", Authorized: 12345, Capturable: 12345, Created: at},
			`{"id":"7f3a","op":"authorize","payment":"P10000000001","status":"authorized","approved":true,` +
				`"response_code":"00",` +
				`"reason":"approved","auth_code":"A1B2C3","rrn":"632510000001","stan":"000001","network_id":"N1","avs":"Y",` +
				`"cvc_result":"M","amount":12345,"currency":"EUR","authorized":12345,"released":0,"captured":0,"refunded":0,` +
				`"capturable":12345,"refundable":0,"created":"2026-11-21T19:26:01.045Z","replayed":false}`,
		},
		{
			api.Answer{
				ID: "2", Op: api.OpCapture, Payment: "P1", Status: api.StatusCaptured, Approved: true, Amount: 5, Currency: "EUR",
				Authorized: 5, Captured: 5, Refundable: 5, BusinessDate: "2026-11-21", Created: at, Replayed: true,
				Capture: "P1-1",
			},
			`{"id":"2","op":"capture","payment":"P1","status":"captured","approved":true,"amount":5,"currency":"EUR",` +
				`"authorized":5,` +
				`"released":0,"captured":5,"refunded":0,"capturable":0,"refundable":5,"business_date":"2026-11-21",` +
				`"created":"2026-11-21T19:26:01.045Z","replayed":true,"capture":"P1-1"}`,
		},
		{api.Answer{ID: "3", Op: api.OpStatus}, `{"id":"3","op":"status","payments":[],"more":false}`},
		{
			api.Answer{
				ID: "3", Op: api.OpStatus, More: true, Payments: []api.Answer{{Payment: "P2"}, {Payment: "P1", Refund: "r"}},
			},
			`{"id":"3","op":"status","payments":[{"payment":"P2","approved":false,"amount":0,"authorized":0,"released":0,` +
				`"captured":0,` +
				`"refunded":0,"capturable":0,"refundable":0,"replayed":false},{"payment":"P1","approved":false,"amount":0,` +
				`"authorized":0,` +
				`"released":0,"captured":0,"refunded":0,"capturable":0,"refundable":0,"replayed":false,"refund":"r"}],"more":true}`,
		},
		{
			api.Answer{ID: "4", Op: api.OpStatus, Payment: "P1", ChargedBack: 3, History: []api.HistoryItem{
				{
					At: at, Op: "authorize", State: "approved", Key: "k", Amount: 5, Approved: true, ResponseCode: "00", RRN: "r",
					STAN: "000001", CaptureCancelled: true,
				},
				{
					At: at, Op: "capture", State: "queued", Amount: 5, Approved: true, Capture: "P1-1", Presentment: "settled",
				},
			}},
			`{"id":"4","op":"status","payment":"P1","approved":false,"amount":0,"authorized":0,"released":0,"captured":0,` +
				`"refunded":0,"charged_back":3,` +
				`"capturable":0,"refundable":0,"replayed":false,"history":[{"at":"2026-11-21T19:26:01.045Z","op":"authorize",` +
				`"state":"approved","key":"k","amount":5,"approved":true,"response_code":"00","rrn":"r","stan":"000001",` +
				`"capture_cancelled":true},` +
				`{"at":"2026-11-21T19:26:01.045Z","op":"capture","state":"queued","amount":5,"approved":true,"capture":"P1-1",` +
				`"presentment":"settled"}]}`,
		},
	} {
		if got := string(wire.AppendAnswer(nil, &c.answer)); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func times(t *rapid.T) time.Time {
	return time.UnixMilli(rapid.Int64Range(0, 4_000_000_000_000).Draw(t, "ms")).UTC()
}

// payments draws an answer on one payment.
func payments(t *rapid.T) api.Answer {
	var a api.Answer
	text := rapid.OneOf(rapid.Just(""), rapid.StringMatching(`[ -~]{1,12}`), rapid.StringN(1, 8, -1))
	a.Payment = rapid.StringMatching(`P[0-9A-Z]{11}`).Draw(t, "payment")
	a.Status = api.Status(text.Draw(t, "status"))
	for _, p := range []*string{
		&a.ResponseCode, &a.Reason, &a.AuthCode, &a.RRN, &a.STAN, &a.NetworkID, &a.AVS, &a.CVCResult, &a.Currency,
		&a.BusinessDate, &a.Capture, &a.Refund} {
		*p = text.Draw(t, "text")
	}
	for _, p := range []*int64{
		&a.Amount, &a.Authorized, &a.Released, &a.Captured, &a.Refunded, &a.Capturable, &a.Refundable,
	} {
		*p = rapid.Int64().Draw(t, "minor")
	}
	a.Approved, a.Replayed, a.Created = rapid.Bool().Draw(t, "approved"), rapid.Bool().Draw(t, "replayed"), times(t)
	return a
}

func answers(t *rapid.T) api.Answer {
	var a api.Answer
	switch rapid.IntRange(0, 3).Draw(t, "shape") {
	case 0:
		code := rapid.SampledFrom([]api.Code{api.CodeBusy, api.CodeInternal, api.CodeInvalidField}).Draw(t, "code")
		a = api.Answer{Err: &api.Error{
			Code: code, Field: rapid.StringMatching(`[a-z.]{0,9}`).Draw(t, "field"), Message: rapid.String().Draw(t, "message"),
		}}
	case 1:
		a = payments(t)
		a.Op = api.Op(rapid.IntRange(int(api.OpAuthorize), int(api.OpRefund)).Draw(t, "op"))
	case 2:
		a = payments(t)
		a.Op, a.History = api.OpStatus, []api.HistoryItem{}
		for range rapid.IntRange(0, 3).Draw(t, "items") {
			p := payments(t)
			a.History = append(a.History, api.HistoryItem{
				At: p.Created, Op: "void", State: p.Reason, Key: p.AVS, Amount: p.Amount,
				Approved: p.Approved, ResponseCode: p.ResponseCode, RRN: p.RRN, STAN: p.STAN, Capture: p.Capture, Refund: p.Refund})
		}
	default:
		a = api.Answer{Op: api.OpStatus, More: rapid.Bool().Draw(t, "more"), Payments: []api.Answer{}}
		for range rapid.IntRange(0, 3).Draw(t, "payments") {
			a.Payments = append(a.Payments, payments(t))
		}
	}
	a.ID = rapid.StringMatching(`[ -~]{0,20}`).Draw(t, "id")
	return a
}

func TestAnswerRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := answers(t)
		line := wire.AppendAnswer(nil, &want)
		var object map[string]any
		if err := json.Unmarshal(line, &object); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if id, _ := object["id"].(string); id != want.ID {
			t.Fatalf("%q: encoding/json reads the id %q", line, id)
		}
		var got api.Answer
		if err := wire.DecodeAnswer(line, &got); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%s:\ngot  %+v\nwant %+v", line, got, want)
		}
	})
}

// A client of today meets the server of tomorrow.
func TestDecodeAnswerSkipsTheUnknown(t *testing.T) {
	line := `{"id":null,"fee":{"amount":[1,2.5e3,{"x":null}]},"op":"sale","payment":"P1","status":"on_fire",` +
		`"approved":true,"history":null}`
	var a api.Answer
	if err := wire.DecodeAnswer([]byte(line), &a); err != nil {
		t.Fatal(err)
	}
	if want := (api.Answer{Op: api.OpSale, Payment: "P1", Status: "on_fire", Approved: true}); !reflect.DeepEqual(
		a, want,
	) {
		t.Errorf("got %+v, want %+v", a, want)
	}
}

func FuzzDecodeAnswer(f *testing.F) {
	f.Add([]byte(`{"id":"1","error":{"code":"busy","message":"later","retry":true}}`))
	f.Add([]byte(`{"id":"4","op":"status","payments":[{"payment":"P1","created":"2026-11-21T19:26:01.045Z",` +
		`"history":[{"op":"void"}]}]}`))
	f.Add([]byte(`{"amount":9223372036854775808}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		var a api.Answer
		if wire.DecodeAnswer(line, &a) == nil && !json.Valid(line) {
			t.Fatalf("%q is no JSON", line)
		}
	})
}

func TestAnswerAllocations(t *testing.T) {
	a := sampleAnswer()
	b := make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(100, func() { b = wire.AppendAnswer(b[:0], &a) }); n > 0 {
		t.Errorf("encoding an answer allocates %v times", n)
	}
	var back api.Answer
	if n := testing.AllocsPerRun(100, func() { wire.DecodeAnswer(b, &back) }); n > 1 {
		t.Errorf("decoding an answer allocates %v times, want the line's copy only", n)
	}
}
