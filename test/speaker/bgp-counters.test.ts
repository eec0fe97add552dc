import { expect, test } from "vitest";
import { CEASE } from "../../src/bgp/iana.ts";
import { cease } from "../../src/bgp/message/notification.ts";
import { seconds } from "../../src/net/micros.ts";
import { ALIVE, OPEN, Scene } from "./bgp-scene.ts";

test("a session counts messages by kind in both directions, and why it was lost", () => {
  const scene = new Scene().establish();
  scene.say(ALIVE);
  scene.advance(seconds(9));
  const { counters } = scene.session.view;
  expect(counters).toMatchObject({ opensReceived: 1, keepalivesReceived: 2, notificationsSent: 1 });
  expect(counters.flaps).toEqual({ "hold-timer": 1 });
});

test("what the peer says at the end is what it is counted under", () => {
  const scene = new Scene().establish();
  scene.say({ type: "notification", notification: cease(CEASE.administrativeShutdown, "maintenance") });
  const { notificationsReceived, flaps } = scene.session.view.counters;
  expect([notificationsReceived, flaps]).toEqual([1, { "received-cease-administrative-shutdown": 1 }]);
});

test("BFD's word and our own resets are told apart", () => {
  const scene = new Scene().establish();
  scene.session.reset(CEASE.bfdDown, "BFD session down");
  scene.advance(seconds(5));
  scene.say(OPEN, ALIVE);
  scene.session.reset(CEASE.administrativeReset, "by hand");
  expect(scene.session.view.counters.flaps).toEqual({ "bfd-down": 1, "sent-cease-administrative-reset": 1 });
});

test("an attempt that brings no session is no flap", () => {
  const scene = new Scene();
  scene.session.start();
  scene.wire.settle();
  scene.say({ type: "notification", notification: cease(CEASE.connectionRejected) });
  expect(scene.session.view.counters.flaps).toEqual({});
});
