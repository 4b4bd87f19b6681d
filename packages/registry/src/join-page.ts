/** What a browser shows for an invite link: static, without scripts or styles, so that the fragment stays unread. */
export const joinPage = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Join this mesh</title>
</head>
<body>
<h1>An invite to a Parley mesh</h1>
<p>Open this link with Parley, on the machine that is to join:</p>
<pre>parley pair '&lt;this page&#39;s whole address&gt;'</pre>
<p>The part after # is a secret. It was not sent to this registry; keep it to yourself.</p>
</body>
</html>
`;
