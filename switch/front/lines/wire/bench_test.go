package wire_test

import (
	"encoding/json"
	"testing"
	"time"

	"switchyard/switch/api"
	"switchyard/switch/front/lines/wire"
)

// The same shapes for encoding/json, with tags. They are what the hand-written code is measured against.
type jsonRequest struct {
	ID        string `json:"id"`
	Op        string `json:"op"`
	Key       string `json:"key"`
	Merchant  string `json:"merchant"`
	Terminal  string `json:"terminal"`
	Amount    int64  `json:"amount"`
	Currency  string `json:"currency"`
	Entry     string `json:"entry"`
	Reference string `json:"reference"`
	Initiator string `json:"initiator"`
	Card      struct {
		Number string `json:"number"`
		Expiry string `json:"expiry"`
		CVC    string `json:"cvc"`
	} `json:"card"`
	ThreeDS struct {
		Version         string `json:"version"`
		ECI             string `json:"eci"`
		CAVV            string `json:"cavv"`
		DSTransactionID string `json:"ds_transaction_id"`
	} `json:"threeds"`
}

type jsonAnswer struct {
	ID           string    `json:"id"`
	Op           string    `json:"op"`
	Payment      string    `json:"payment"`
	Status       string    `json:"status"`
	Approved     bool      `json:"approved"`
	ResponseCode string    `json:"response_code,omitempty"`
	Reason       string    `json:"reason,omitempty"`
	AuthCode     string    `json:"auth_code,omitempty"`
	RRN          string    `json:"rrn,omitempty"`
	STAN         string    `json:"stan,omitempty"`
	Amount       int64     `json:"amount"`
	Currency     string    `json:"currency"`
	Authorized   int64     `json:"authorized"`
	Released     int64     `json:"released"`
	Captured     int64     `json:"captured"`
	Refunded     int64     `json:"refunded"`
	Capturable   int64     `json:"capturable"`
	Refundable   int64     `json:"refundable"`
	Created      time.Time `json:"created"`
	Replayed     bool      `json:"replayed"`
}

func sampleAnswer() api.Answer {
	return api.Answer{
		ID: "7f3a", Op: api.OpAuthorize, Payment: "P10000000001", Status: api.StatusAuthorized, Approved: true,
		ResponseCode: "00", Reason: "approved", AuthCode: "A1B2C3", RRN: "632510000001", STAN: "000001", Amount: 12345,
		Currency: "EUR", Authorized: 12345, Capturable: 12345, Created: time.Date(2026, 11, 21, 20, 26, 1, 0, time.UTC),
	}
}

func BenchmarkDecodeRequest(b *testing.B) {
	line := []byte(authorizeLine)
	b.Run("wire", func(b *testing.B) {
		b.ReportAllocs()
		var r api.Request
		for b.Loop() {
			if err := wire.DecodeRequest(line, &r); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var r jsonRequest
			if err := json.Unmarshal(line, &r); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkValidate(b *testing.B) {
	var r api.Request
	if err := wire.DecodeRequest([]byte(authorizeLine), &r); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := r.Validate(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendRequest(b *testing.B) {
	var r api.Request
	if err := wire.DecodeRequest([]byte(authorizeLine), &r); err != nil {
		b.Fatal(err)
	}
	var line []byte
	b.ReportAllocs()
	for b.Loop() {
		line = wire.AppendRequest(line[:0], &r)
	}
}

func BenchmarkAppendAnswer(b *testing.B) {
	a := sampleAnswer()
	b.Run("wire", func(b *testing.B) {
		b.ReportAllocs()
		var line []byte
		for b.Loop() {
			line = wire.AppendAnswer(line[:0], &a)
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		b.ReportAllocs()
		j := jsonAnswer{
			ID: a.ID, Op: a.Op.String(), Payment: a.Payment, Status: string(a.Status), Approved: true, ResponseCode: "00",
			Reason: a.Reason, AuthCode: a.AuthCode, RRN: a.RRN, STAN: a.STAN, Amount: a.Amount, Currency: a.Currency,
			Authorized: a.Authorized, Capturable: a.Capturable, Created: a.Created}
		for b.Loop() {
			if _, err := json.Marshal(&j); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkDecodeAnswer(b *testing.B) {
	a := sampleAnswer()
	line := wire.AppendAnswer(nil, &a)
	b.Run("wire", func(b *testing.B) {
		b.ReportAllocs()
		var back api.Answer
		for b.Loop() {
			if err := wire.DecodeAnswer(line, &back); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var j jsonAnswer
			if err := json.Unmarshal(line, &j); err != nil {
				b.Fatal(err)
			}
		}
	})
}
