package told_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"switchyard/switch/api"
	"switchyard/switch/front/lines/told"
)

func TestLines(t *testing.T) {
	var out strings.Builder
	log := told.NewLog(&out)
	at := time.Date(2026, 11, 21, 22, 3, 48, 623e6, time.FixedZone("", 3600))
	log.Write(at, &api.Request{
		ID: "7", Op: api.OpSale, Key: "k1", Merchant: "M1", Amount: 500, Currency: "EUR", AuthCode: "V1", EMV: "9F27",
		NetworkID: "N1",
		Card:      api.Card{Number: "4000000000000002", Expiry: "2912", CVC: "987", Track2: "4000000000000002=2912"},
		Address:   api.Address{Line: "1 High St"}, ThreeDS: api.ThreeDS{CAVV: "cavv"},
		Present: api.Fields(api.FieldKey, api.FieldCard, api.FieldEMV, api.FieldAddress, api.FieldThreeDS),
	}, &api.Answer{ID: "7", Op: api.OpSale, Payment: "P10000000001", Status: api.StatusCaptured, Approved: true,
		Amount: 500, Currency: "EUR"})
	log.Write(at, &api.Request{Op: api.OpCapture, Key: "k2", Payment: "P10000000001"}, nil)
	log.Write(at, &api.Request{Op: api.OpStatus, Payment: "P10000000001"}, &api.Answer{
		Op: api.OpStatus, Payment: "P10000000001", History: []api.HistoryItem{{Op: "sale"}},
	})
	log.Write(at, &api.Request{Op: api.OpStatus, Key: "k4", Merchant: "M1"}, &api.Answer{
		Op: api.OpStatus, Payment: "P10000000001", Created: at, History: []api.HistoryItem{
			{At: at, Op: "sale", State: "approved", Key: "k1"}, {At: at, Op: "refund", State: "pending", Key: "k4", Amount: 5},
		},
	})
	log.Write(at, &api.Request{Op: api.OpPing}, &api.Answer{Op: api.OpPing})
	log.Write(at, &api.Request{Op: api.OpVoid, Key: "k3", Payment: "P10000000001"}, &api.Answer{ID: "9",
		Err: api.NewError(api.CodeBusy, "later")})
	if err := log.Flush(); err != nil {
		t.Fatal(err)
	}
	const begin = `{"at":"2026-11-21T21:03:48.623Z","request":`
	want := begin + `{"op":"sale","key":"k1","merchant":"M1","amount":500,"currency":"EUR"},` +
		`"answer":{"id":"7","op":"sale",` +
		`"payment":"P10000000001","status":"captured","approved":true,"amount":500,"currency":"EUR",` + sums + "}}\n" +
		begin + `{"op":"capture","key":"k2","payment":"P10000000001"},"answer":null}` + "\n" +
		begin + `{"op":"status","payment":"P10000000001"},` +
		`"answer":{"id":null,"op":"status","payment":"P10000000001","approved":false,"amount":0,` + sums + "}}\n" +
		begin + `{"op":"status","key":"k4","merchant":"M1"},"answer":{"id":null,"op":"status","payment":"P10000000001",` +
		`"approved":false,"amount":0,` +
		strings.Replace(sums, `"replayed"`, `"created":"2026-11-21T21:03:48.623Z","replayed"`, 1) +
		`,"history":[{"at":"2026-11-21T21:03:48.623Z","op":"refund","state":"pending","key":"k4","amount":5,` +
		`"approved":false}]}}` + "\n" +
		begin + `{"op":"void","key":"k3","payment":"P10000000001"},` +
		`"answer":{"id":"9","error":{"code":"busy","message":"later","retry":true}}}` + "\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", &out, want)
	}
}

const sums = `"authorized":0,"released":0,"captured":0,"refunded":0,"capturable":0,"refundable":0,"replayed":false`

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("no room") }

// What could not be written is told at the end.
func TestErrorOfWriting(t *testing.T) {
	log := told.NewLog(broken{})
	log.Write(time.Now(), &api.Request{Op: api.OpVoid, Key: "k", Payment: "P10000000001"}, nil)
	if err := log.Flush(); err == nil || log.Flush() == nil {
		t.Errorf("error %v, want the same each time", err)
	}
}
