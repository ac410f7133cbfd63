// Package book is the issuer's money: cards, accounts, holds, postings and the ledger whose sides balance, and the
// memory of messages by which none is applied twice.
//
//	request ─▶ Process: seen? ─▶ rules ─▶ decide ─▶ apply ─▶ Log ─▶ outcome
//
// Read first: book.go (the way of a request), decide.go (what is answered; it changes nothing), apply.go (what is
// done), original.go (what a reversal takes back), settle.go (what a clearing file does), ledger.go and card.go (what
// there is).
//
// All that belongs to a card lies in one shard behind one mutex (shard.go), in places that are used again (store.go),
// so messages of one card are applied one after another and memory is bounded. Applying goes by the request and the
// outcome's code and amount alone: so what a [Log] keeps is applied again (replay.go) to the same end.
//
// It knows no network and no file: who sends is package server's, how it is kept package log's.
package book
