// What the page says. The apostrophe is Meet's typographic one or a straight one, as the room wants it.

const EN = {
  yourName: 'Your name',
  micOn: 'Turn off microphone', micOff: 'Turn on microphone',
  camOn: 'Turn off camera', camOff: 'Turn on camera',
  ready: 'Ready to join?',
  home: 'Return to home screen',
  asking: 'Asking to be let in...',
  willJoin: "You'll join the call when someone lets you in",
  hostManaged: 'Please wait until a meeting host brings you into the call',
  hostAbsent: 'Waiting for the host to join',
  noAnswer: 'No one responded to your request to join the call',
  blocked: "You can't join this video call",
  removed: "You've been removed from the meeting",
  host_ended: 'Your host ended the meeting for everyone',
  call_ended: 'The call ended',
  left: 'You left the meeting',
  leaveCall: 'Leave call',
  withoutDevices: 'Continue without microphone and camera',
  people: 'People', chat: 'Chat with everyone', details: 'Meeting details', tools: 'Meeting tools',
  hand: 'Raise hand', reaction: 'Send a reaction', share: 'Share screen',
  captionsOn: 'Turn on captions', captionsOff: 'Turn off captions',
  more: 'More options',
};

const DE = {
  ...EN,
  yourName: 'Dein Name',
  micOn: 'Mikrofon deaktivieren', micOff: 'Mikrofon aktivieren',
  camOn: 'Kamera deaktivieren', camOff: 'Kamera aktivieren',
  ready: 'Möchtest du teilnehmen?',
  home: 'Zum Startbildschirm zurückkehren',
  asking: 'Teilnahmeanfrage wird gesendet...',
  willJoin: 'Bitte warten Sie, bis Sie vom Organisator eingelassen werden',
  hostManaged: 'Bitte warten Sie, bis Sie vom Organisator eingelassen werden',
  noAnswer: 'Niemand hat auf Ihre Teilnahmeanfrage geantwortet',
  leaveCall: 'Anruf verlassen',
  withoutDevices: 'Ohne Mikrofon und Kamera fortfahren',
};

const LOAD = {
  not_found: ['Check your meeting code', 'Make sure you entered the correct meeting code in the URL, for example: https://meet.google.com/xxx-yyyy-zzz'],
  expired: ['Your meeting code has expired', ''],
  code_does_not_work: ["The meeting code you entered doesn't work", ''],
  invalid_name: ['Invalid video call name', ''],
  blocked: ["You can't join this video call", 'Returning to home screen'],
};

/** texts(page) -> {t(key), load(kind), raw(text)} */
export function texts(page) {
  const table = page.language === 'de' ? DE : EN;
  const raw = (text) => text.replaceAll("'", page.apostrophe || "'");
  return { t: (key) => raw(table[key] ?? key), load: (kind) => (LOAD[kind] || []).map(raw), raw };
}
